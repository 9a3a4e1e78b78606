import { Alert, Button, Group, Paper, Text } from "@mantine/core";
import { useMutationState, useQueryClient } from "@tanstack/react-query";
import { useCallback, useEffect, useState } from "react";
import { ApiError } from "@/api/client";
import { useJob, useJobs } from "@/api/queries/jobs";
import { LOAD_KEY, useLoadModel, useModels } from "@/api/queries/models";
import type { Job, LoadRequest } from "@/api/types";
import { JobProgress } from "@/components/JobProgress";
import { isActive } from "@/lib/jobs";
import { isMissing } from "@/lib/models";
import { useModelId } from "@/state/address";
import { UnknownModel } from "./UnknownModel";

/** Under the top bar: the model of the page as it loads, or why it could not. */
export function ModelLoading() {
  const modelId = useModelId();
  const queries = useQueryClient();
  const models = useModels();
  const jobs = useJobs();
  const newest = jobs.data?.jobs.find((job) => job.kind === "load" && job.model_id === modelId);
  const { refused, asking } = useLastWish(modelId);

  const refresh = useCallback(() => {
    for (const key of ["models", "jobs", "system"]) queries.invalidateQueries({ queryKey: [key] });
  }, [queries]);
  const { data: job } = useJob(newest && isActive(newest) ? newest.job_id : null, refresh);
  // A small model is there before its job was ever seen at work.
  const [ended, endedState] = [newest?.job_id, newest?.state];
  useEffect(() => {
    if (ended && endedState === "done") queries.invalidateQueries({ queryKey: ["models"] });
  }, [ended, endedState, queries]);

  if (models.data?.models.find((one) => one.model_id === modelId)?.loaded) return null;
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
  if (refused)
    return <Failure id={refused.message} modelId={modelId} message={refused.message} hint={refused.hint} />;
  if (newest && failedJustNow(newest))
    return (
      <Failure
        id={newest.job_id}
        modelId={modelId}
        message={newest.error?.message}
        hint={newest.error?.hint}
      />
    );
  // A load that has just ended is not in the list of models yet.
  const loading = asking || newest?.state === "done";
  if (jobs.data && !loading && isMissing(models.data?.models, modelId))
    return <UnknownModel modelId={modelId} />;
  return null;
}

/** The last wish to load the model: whether it still waits for an answer, and the answer where it was no. */
function useLastWish(modelId: string): { refused: ApiError | null; asking: boolean } {
  const attempts = useMutationState({
    filters: { mutationKey: LOAD_KEY },
    select: ({ state }) => ({
      asked: state.variables as LoadRequest | undefined,
      error: state.error,
      pending: state.status === "pending",
    }),
  });
  const last = attempts.findLast(({ asked }) => asked?.model_id === modelId);
  return {
    refused: last?.error instanceof ApiError ? last.error : null,
    asking: last?.pending ?? false,
  };
}

/* What failed before the page was opened is old news; the list of jobs still tells it. */
const failedJustNow = ({ state, finished_at }: Job) =>
  state === "failed" && (finished_at === null || Date.parse(finished_at) >= performance.timeOrigin);

interface FailureProps {
  id: string;
  modelId: string;
  message: string | undefined;
  hint: string | undefined;
}

function Failure({ id, modelId, message, hint }: FailureProps) {
  const load = useLoadModel();
  const [dismissed, setDismissed] = useState<string | null>(null);
  if (dismissed === id) return null;
  return (
    <Alert
      color="red"
      variant="light"
      mb="sm"
      title={`${modelId} could not be loaded`}
      withCloseButton
      closeButtonLabel="Dismiss"
      onClose={() => setDismissed(id)}
    >
      <Text size="sm">{message}</Text>
      <Text size="sm">{hint}</Text>
      <Group mt="xs">
        <Button
          size="compact-sm"
          variant="default"
          loading={load.isPending}
          onClick={() => load.mutate({ model_id: modelId })}
        >
          Try again
        </Button>
      </Group>
    </Alert>
  );
}
