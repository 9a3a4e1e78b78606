import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef } from "react";
import { isActive, pollInterval } from "@/lib/jobs";
import { client, unwrap } from "../client";
import type { Job } from "../types";

/** All jobs, without their results; watched closely only while one of them moves. */
export const useJobs = () =>
  useQuery({
    queryKey: ["jobs"],
    queryFn: ({ signal }) => unwrap(client.GET("/api/jobs", { signal })),
    refetchInterval: ({ state }) => (state.data?.jobs.some(isActive) ? 1000 : 15_000),
  });

/**
 * One job, polled until it ends; `onEnd` is called once for it, also where the first look finds it ended: a short job
 * may be over before anybody looks.
 */
export function useJob(jobId: string | null, onEnd?: (job: Job) => void) {
  const query = useQuery({
    queryKey: ["job", jobId],
    queryFn: ({ signal }) =>
      unwrap(client.GET("/api/jobs/{job_id}", { params: { path: { job_id: jobId ?? "" } }, signal })),
    enabled: jobId !== null,
    refetchInterval: ({ state }) => (state.error ? false : pollInterval(state.data)),
    staleTime: Number.POSITIVE_INFINITY,
  });
  const told = useRef<string | null>(null);
  const job = query.data;
  useEffect(() => {
    if (!job || isActive(job) || told.current === job.job_id) return;
    told.current = job.job_id;
    onEnd?.(job);
  }, [job, onEnd]);
  return query;
}

export function useCancelJob() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (jobId: string) =>
      unwrap(client.DELETE("/api/jobs/{job_id}", { params: { path: { job_id: jobId } } })),
    onSettled: (_job, _error, jobId) => {
      queries.invalidateQueries({ queryKey: ["jobs"] });
      queries.invalidateQueries({ queryKey: ["job", jobId] });
    },
  });
}
