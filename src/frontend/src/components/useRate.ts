import { useEffect, useState } from "react";
import type { Job } from "@/api/types";
import { isActive } from "@/lib/jobs";
import { addLook, type Look, rateOf } from "@/lib/rate";

/** Units per second of a job as it is polled; null until that can be told. */
export function useRate(job: Pick<Job, "job_id" | "state" | "progress">): number | null {
  const [seen, setSeen] = useState<{ jobId: string; looks: Look[] }>({ jobId: "", looks: [] });
  const { job_id: jobId, progress } = job;
  const moving = isActive(job);
  // Each answer of the server brings a new object, also where nothing moved: then the rate falls, as it should.
  useEffect(() => {
    if (!moving) return;
    const look = { at: performance.now(), done: progress.done };
    setSeen((before) => ({ jobId, looks: addLook(before.jobId === jobId ? before.looks : [], look) }));
  }, [jobId, moving, progress]);
  return moving && seen.jobId === jobId ? rateOf(seen.looks) : null;
}
