import { Alert, Button, Group, Paper, Text } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { useCallback, useState } from "react";
import { useJob, useJobs } from "@/api/queries/jobs";
import { useLoadModel, useModels } from "@/api/queries/models";
import type { Job } from "@/api/types";
import { JobProgress } from "@/components/JobProgress";
import { ErrorNote } from "@/components/Notice";
import { isActive, names } from "@/lib/jobs";
import { useModelId } from "@/state/address";

/** Under the top bar: the model of the page as it loads, why it could not, or that it is not loaded. */
export function ModelLoading() {
  const modelId = useModelId();
  const queries = useQueryClient();
  const models = useModels();
  const jobs = useJobs();
  const load = useLoadModel();
  const [dismissed, setDismissed] = useState<string | null>(null);
  const newest = jobs.data?.jobs.find((job) => job.kind === "load" && names(job, modelId));
  const watched = newest && (isActive(newest) || newest.state === "failed") ? newest.job_id : null;
  const finish = useCallback(
    (_job: Job) => {
      queries.invalidateQueries({ queryKey: ["models"] });
      queries.invalidateQueries({ queryKey: ["jobs"] });
      queries.invalidateQueries({ queryKey: ["system"] });
    },
    [queries],
  );
  const { data: job } = useJob(watched, finish);
  const entry = models.data?.models.find((one) => one.model_id === modelId);

  if (entry?.loaded) return null;
  if (job && isActive(job))
    return (
      <Paper
        withBorder
        p="xs"
        px="sm"
        mb="sm"
        bg="var(--ns-surface)"
        aria-label="Loading the model"
        component="section"
      >
        <JobProgress job={job} />
      </Paper>
    );
  if (job?.state === "failed" && dismissed !== job.job_id)
    return (
      <Alert
        color="red"
        variant="light"
        mb="sm"
        title={`${modelId} could not be loaded`}
        withCloseButton
        closeButtonLabel="Dismiss"
        onClose={() => setDismissed(job.job_id)}
      >
        <Text size="sm">{job.error?.message}</Text>
        <Text size="sm" c="dimmed">
          {job.error?.hint}
        </Text>
        <Group mt="xs">
          <Button size="compact-sm" variant="default" onClick={() => load.mutate({ model_id: modelId })}>
            Try again
          </Button>
        </Group>
      </Alert>
    );
  if (load.error)
    return <ErrorNote error={load.error} onRetry={() => load.mutate({ model_id: modelId })} compact />;
  return null;
}
