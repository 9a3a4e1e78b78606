import { ActionIcon, Group, NativeSelect, Stack, Text, Tooltip } from "@mantine/core";
import { IconTrash } from "@tabler/icons-react";
import { useQueryClient } from "@tanstack/react-query";
import { useCallback } from "react";
import { useJob, useJobs } from "@/api/queries/jobs";
import { useComparisons, useDeleteComparison } from "@/api/queries/precision";
import type { Job, ModelCard } from "@/api/types";
import { JobProgress } from "@/components/JobProgress";
import { formatAgo } from "@/lib/format";
import { isActive, resultText } from "@/lib/jobs";
import { precisionWord } from "@/lib/precision";
import { useParams, usePatch } from "@/state/address";
import { PrecisionForm } from "./PrecisionForm";
import { PrecisionResult } from "./PrecisionResult";

/** What another precision does to every neuron of the model. A comparison at work is found again after a reload. */
export default function PrecisionTab({ card }: { card: Pick<ModelCard, "model_id"> }) {
  const modelId = card.model_id;
  const params = useParams();
  const patch = usePatch();
  const queries = useQueryClient();
  const jobs = useJobs();
  const kept = useComparisons();
  const remove = useDeleteComparison();
  const atWork = jobs.data?.jobs.find(
    (job) => job.kind === "precision" && job.model_id === modelId && isActive(job),
  );
  const jobId = params.get("precisionJob") ?? atWork?.job_id ?? null;
  const finish = useCallback(
    (job: Job) => {
      for (const key of ["precisions", "models", "system"]) queries.invalidateQueries({ queryKey: [key] });
      if (job.state === "done") patch({ precision: resultText(job, "comparison_id"), precisionJob: null });
    },
    [patch, queries],
  );
  const job = useJob(jobId, finish);
  // Not known yet is at work, too: an older comparison must not stand there as if it were this one's.
  const running = jobId !== null && !job.error && (!job.data || isActive(job.data));
  const comparisons = kept.data?.comparisons.filter((one) => one.model_id === modelId) ?? [];
  const chosen = params.get("precision") ?? (running ? null : comparisons[0]?.comparison_id) ?? null;
  return (
    <Stack gap="md">
      <Text size="sm" c="dimmed">
        The same prompts run through the model in two precisions, one after the other, and every neuron's
        activations are compared token by token.
      </Text>
      <PrecisionForm modelId={modelId} running={running} />
      {job.data && job.data.state !== "done" && <JobProgress job={job.data} />}
      {comparisons.length > 0 && (
        <Group gap="xs" align="flex-end">
          <NativeSelect
            label="Comparison"
            size="sm"
            value={chosen ?? ""}
            data={[
              ...(chosen === null ? [{ value: "", label: "…" }] : []),
              ...comparisons.map((one) => ({
                value: one.comparison_id,
                label: `${precisionWord(one.a)} and ${precisionWord(one.b)} · ${one.prompts} prompts, ${one.tokens} tokens · ${formatAgo(one.created_at)}`,
              })),
            ]}
            onChange={(event) => patch({ precision: event.currentTarget.value })}
          />
          {chosen !== null && (
            <Tooltip label="Delete this comparison">
              <ActionIcon
                size={36}
                variant="subtle"
                color="gray"
                aria-label="Delete this comparison"
                loading={remove.isPending}
                onClick={() => remove.mutate(chosen, { onSuccess: () => patch({ precision: null }) })}
              >
                <IconTrash size={17} />
              </ActionIcon>
            </Tooltip>
          )}
        </Group>
      )}
      {chosen !== null && <PrecisionResult key={chosen} comparisonId={chosen} />}
    </Stack>
  );
}
