import { useQueryClient } from "@tanstack/react-query";
import { useCallback } from "react";
import { useCalibrate } from "@/api/queries/calibrations";
import { useJob, useJobs } from "@/api/queries/jobs";
import type { Job } from "@/api/types";
import { isActive } from "@/lib/jobs";

/** The job that looks for a model's protected units; one at work is found again after a reload. */
export function useCalibrating(modelId: string) {
  const queries = useQueryClient();
  const jobs = useJobs();
  const calibrate = useCalibrate();
  const atWork = jobs.data?.jobs.find(
    (one) => one.kind === "calibration" && isActive(one) && one.model_id === modelId,
  );
  const begun = calibrate.data?.model_id === modelId ? calibrate.data.job_id : null;
  const finish = useCallback(
    () => void queries.invalidateQueries({ queryKey: ["calibration", modelId] }),
    [queries, modelId],
  );
  const job: Job | undefined = useJob(atWork?.job_id ?? begun, finish).data;
  return {
    /** At work, or ended otherwise than well. */
    job: job?.state === "done" ? undefined : job,
    running: calibrate.isPending || (job !== undefined && isActive(job)),
    error: calibrate.error,
    start: () => calibrate.mutate(modelId),
  };
}
