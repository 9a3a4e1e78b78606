import { Button, Group, Paper, Text } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { useCallback, useEffect } from "react";
import { ApiError } from "@/api/client";
import { useJob, useJobs } from "@/api/queries/jobs";
import { useLoadModel, useLoadWish, useModels } from "@/api/queries/models";
import type { Job, LoadRequest } from "@/api/types";
import { Banner } from "@/components/Banner";
import { JobProgress } from "@/components/JobProgress";
import { isActive } from "@/lib/jobs";
import { isMissing } from "@/lib/models";
import { useModelId } from "@/state/address";
import { BackButton } from "./BackButton";
import { ChatOnly } from "./ChatOnly";
import { LoadFailure } from "./LoadFailure";
import { NotLoaded } from "./NotLoaded";
import { UnknownModel } from "./UnknownModel";

/** Under the top bar: the model of the page as it loads, or why it could not. */
export function ModelLoading() {
  const modelId = useModelId();
  const queries = useQueryClient();
  const models = useModels(modelId);
  const jobs = useJobs();
  const newest = jobs.data?.jobs.find((job) => job.kind === "load" && job.model_id === modelId);
  const wish = useLoadWish(modelId);

  const refresh = useCallback(() => {
    for (const key of ["models", "jobs", "system", "card"]) queries.invalidateQueries({ queryKey: [key] });
  }, [queries]);
  const polled = useJob(newest && isActive(newest) ? newest.job_id : null, refresh);
  const job = polled.data ?? newest;
  // A small model is there before its job was ever seen at work.
  const [ended, endedState] = [newest?.job_id, newest?.state];
  useEffect(() => {
    if (ended && endedState === "done") refresh();
  }, [ended, endedState, refresh]);

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
  if (wish?.pending) return null;
  const entry = models.data?.models.find((one) => one.model_id === modelId);
  const loaded = entry?.loaded ?? false;
  const asked: LoadRequest = wish?.asked ?? { model_id: modelId };
  // What is loaded shows no failure, but for that of a wish to have it otherwise.
  const telling = !loaded || Object.keys(asked).length > 1;
  if (wish?.error instanceof ApiError && telling)
    return <LoadFailure id={wish.error.message} asked={asked} error={wish.error} />;
  if (newest?.error && newest.state === "failed" && endedHere(newest) && telling)
    return <LoadFailure id={newest.job_id} asked={asked} error={newest.error} />;
  if (entry?.source === "chat") return <ChatOnly entry={entry} />;
  if (loaded) return null;
  if (newest?.state === "cancelled" && endedHere(newest))
    return <Cancelled asked={asked} fetched={entry === undefined || entry.source === "hub"} />;
  // A load that has just ended is not in the list of models yet.
  if (!jobs.data || (newest?.state === "done" && endedAt(newest) > models.dataUpdatedAt)) return null;
  if (isMissing(models.data?.models, modelId)) return <UnknownModel modelId={modelId} />;
  // The bundled one loads by itself as the server starts.
  return entry && entry.source !== "bundled" ? <NotLoaded entry={entry} /> : null;
}

const endedAt = ({ finished_at }: Job) =>
  finished_at === null ? Number.POSITIVE_INFINITY : Date.parse(finished_at);

/* What ended before the page was opened is old news; the list of jobs still tells it. */
const endedHere = (job: Job) => endedAt(job) >= performance.timeOrigin;

function Cancelled({ asked, fetched }: { asked: LoadRequest; fetched: boolean }) {
  const load = useLoadModel();
  return (
    <Banner tone="info" title={`Loading ${asked.model_id} was cancelled`}>
      <Text size="sm">
        Nothing of it is in memory.{fetched ? " What was already fetched is kept for the next time." : ""}
      </Text>
      <Group mt="xs" gap="xs">
        <Button
          size="compact-sm"
          variant="default"
          loading={load.isPending}
          onClick={() => load.mutate(asked)}
        >
          Load it after all
        </Button>
        <BackButton modelId={asked.model_id} />
      </Group>
    </Banner>
  );
}
