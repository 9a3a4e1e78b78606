import { ApiError } from "@/api/client";
import { useJob } from "@/api/queries/jobs";
import { useStartShortest } from "@/api/queries/neurons";
import type { Job } from "@/api/types";
import { readShortest, type Shortest } from "@/lib/driving";
import { isActive } from "@/lib/jobs";
import { useModelId, useParams, usePatch } from "@/state/address";
import { readShortened } from "./contextOptions";

export interface Shorten {
  job: Job | undefined;
  found: Shortest | null;
  error: Error | null;
  /** Named in the address, but neither at work nor known here: it can be run again. */
  lost: boolean;
  /** Whether one is being asked for or at work: another has to wait. */
  pending: boolean;
  showing: boolean;
  start: (what: { rank: number } | { text: string }) => void;
  close: () => void;
}

/** The search for the shortest text, followed as a job; the address keeps it, so that a reload finds it again. */
export function useShorten(unit: string, indexId: string | null): Shorten {
  const modelId = useModelId();
  const patch = usePatch();
  const params = useParams();
  const jobId = params.get("shortJob");
  const query = useJob(jobId);
  const begin = useStartShortest();
  const job = query.data;
  const found = readShortest(job);
  // On the way to another unit the address still names the search of the one before.
  const foreign = found !== null && found.unit !== unit;
  const unknown = query.error instanceof ApiError && query.error.code === "not_found";
  const named = jobId !== null || readShortened(params) !== null;
  const running = jobId !== null && !query.error && (!job || isActive(job));
  return {
    job: foreign ? undefined : job,
    found: foreign ? null : found,
    error: begin.error ?? (unknown ? null : query.error),
    lost: (jobId === null || unknown) && !begin.isPending && begin.error === null,
    pending: begin.isPending || running,
    showing: (named && !foreign) || begin.error !== null,
    start: (what) => {
      const where = "rank" in what ? { index_id: indexId } : {};
      patch({ short: "rank" in what ? what.rank : "text", shortJob: null });
      begin.mutate(
        { model_id: modelId, unit, ...where, ...what },
        { onSuccess: ({ job_id }) => patch({ shortJob: job_id }) },
      );
    },
    close: () => {
      begin.reset();
      patch({ short: null, shortJob: null });
    },
  };
}
