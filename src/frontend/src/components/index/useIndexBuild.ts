import { useQueryClient } from "@tanstack/react-query";
import { useCallback } from "react";
import { useBuildIndex } from "@/api/queries/indexes";
import { useJob, useJobs } from "@/api/queries/jobs";
import type { IndexRequest, Job } from "@/api/types";
import { isActive, resultText } from "@/lib/jobs";
import { useModelId, useParams, usePatch } from "@/state/address";

export type BuildAsked = Omit<IndexRequest, "model_id">;

/** Starts a build for the model of the address; one at work is found again after a reload, and its index is then shown. */
export function useIndexBuild() {
  const modelId = useModelId();
  const patch = usePatch();
  const queries = useQueryClient();
  const jobs = useJobs();
  const build = useBuildIndex();
  const atWork = jobs.data?.jobs.find(
    (job) => job.kind === "index" && isActive(job) && job.model_id === modelId,
  );
  const jobId = useParams().get("indexJob") ?? atWork?.job_id ?? null;
  const finish = useCallback(
    (job: Job) => {
      if (job.state === "done") patch({ index: resultText(job, "index_id"), indexJob: null, build: null });
      queries.invalidateQueries({ queryKey: ["indexes"] });
      queries.invalidateQueries({ queryKey: ["neuron"] });
    },
    [patch, queries],
  );
  const job = useJob(jobId, finish).data;
  return {
    job: job?.state === "done" ? undefined : job,
    running: job !== undefined && isActive(job),
    error: build.error,
    pending: build.isPending,
    start: (asked: BuildAsked) =>
      build.mutate(
        { model_id: modelId, ...asked },
        { onSuccess: ({ job_id }) => patch({ indexJob: job_id }) },
      ),
  };
}
