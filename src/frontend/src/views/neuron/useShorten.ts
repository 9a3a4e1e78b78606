import { useJob } from "@/api/queries/jobs";
import { useStartShortest } from "@/api/queries/neurons";
import type { Job } from "@/api/types";
import { readShortest, type Shortest } from "@/lib/driving";
import { isActive } from "@/lib/jobs";
import { useModelId, useParams, usePatch } from "@/state/address";

export interface Shorten {
  job: Job | undefined;
  found: Shortest | null;
  error: Error | null;
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
  const jobId = useParams().get("shortJob");
  const query = useJob(jobId);
  const begin = useStartShortest();
  const job = query.data;
  const found = readShortest(job);
  // On the way to another unit the address still names the search of the one before.
  const foreign = found !== null && found.unit !== unit;
  const running = jobId !== null && !query.error && (!job || isActive(job));
  return {
    job: foreign ? undefined : job,
    found: foreign ? null : found,
    error: begin.error ?? query.error,
    pending: begin.isPending || running,
    showing: (jobId !== null && !foreign) || begin.error !== null,
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
