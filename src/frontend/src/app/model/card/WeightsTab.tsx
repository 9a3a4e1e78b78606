import { Button, Stack, Text } from "@mantine/core";
import { IconChartHistogram } from "@tabler/icons-react";
import { useQueryClient } from "@tanstack/react-query";
import { useCallback, useState } from "react";
import { useJob, useJobs } from "@/api/queries/jobs";
import { useMeasureWeights, useWeights } from "@/api/queries/weights";
import type { Job, ModelCard } from "@/api/types";
import { JobProgress } from "@/components/JobProgress";
import { EmptyState, ErrorNote } from "@/components/Notice";
import { isActive } from "@/lib/jobs";
import { NeuronFaults } from "./NeuronFaults";
import { WeightCharts } from "./WeightCharts";

/** How a model's weights are spread. Measuring them takes a while, so it is a job; the result is kept. */
export function WeightsTab({ card }: { card: ModelCard }) {
  const queries = useQueryClient();
  const report = useWeights(card.model_id, card.model_key);
  const jobs = useJobs();
  const measure = useMeasureWeights();
  const [started, setStarted] = useState<string | null>(null);
  const atWork = jobs.data?.jobs.find(
    (job) => job.kind === "weights" && job.model_id === card.model_id && isActive(job),
  );
  const finish = useCallback(
    (job: Job) => {
      if (job.state === "done") queries.invalidateQueries({ queryKey: ["weights"] });
    },
    [queries],
  );
  const job = useJob(started ?? atWork?.job_id ?? null, finish);
  const running = job.data !== undefined && isActive(job.data);

  if (report.error) return <ErrorNote error={report.error} onRetry={() => report.refetch()} />;
  if (report.isPending)
    return (
      <Text size="sm" c="dimmed" role="status">
        Looking for what was measured before …
      </Text>
    );
  if (report.data)
    return (
      <Stack gap="lg">
        <WeightCharts report={report.data} />
        <NeuronFaults report={report.data} />
      </Stack>
    );
  if (running) return <JobProgress job={job.data} />;
  const start = () =>
    measure.mutate(card.model_id, {
      onSuccess: (begun) => {
        setStarted(begun.job_id);
        if (begun.state === "done") queries.invalidateQueries({ queryKey: ["weights"] });
      },
    });
  return (
    <>
      {job.data && job.data.state !== "done" && <JobProgress job={job.data} />}
      {measure.error && <ErrorNote error={measure.error} compact />}
      <EmptyState
        icon={<IconChartHistogram size={24} />}
        title="The weights have not been measured yet"
        action={
          <Button size="sm" onClick={start} loading={measure.isPending}>
            Measure the weights
          </Button>
        }
      >
        Every weight of every layer is read once: histograms and norms, neurons that can't act, and neurons
        that do the same. A small model takes seconds, seven billion parameters some minutes on a CPU.
        Captures go on between two layers, and the result is kept.
      </EmptyState>
    </>
  );
}
