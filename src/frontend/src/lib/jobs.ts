/** What a job's state means for a person and for polling. */

import type { Job } from "@/api/types";

type State = Job["state"];

const ACTIVE: readonly State[] = ["queued", "running"];

export const isActive = (job: Pick<Job, "state">) => ACTIVE.includes(job.state);

/** 0 … 1, or null where the end is not known. */
export function fraction(job: Pick<Job, "progress" | "state">): number | null {
  if (job.state === "done") return 1;
  const { done, total } = job.progress;
  return total ? Math.max(0, Math.min(1, done / total)) : null;
}

export function progressText(job: Pick<Job, "progress" | "state">): string {
  if (job.state === "queued") return "waiting for its turn";
  const { done, total, unit } = job.progress;
  const show = (value: number) => Math.round(value).toLocaleString("en-US");
  if (total) return `${show(done)} of ${show(total)} ${unit}`.trim();
  return done > 0 ? `${show(done)} ${unit}`.trim() : "working";
}

/** Milliseconds to the next look, or false when nothing will change any more. */
export const pollInterval = (job: Pick<Job, "state"> | undefined): number | false =>
  job && !isActive(job) ? false : 500;

const STATE_WORDS: Record<State, string> = {
  queued: "Queued",
  running: "Running",
  done: "Done",
  failed: "Failed",
  cancelled: "Cancelled",
  interrupted: "Interrupted by a restart",
};

export const stateWord = (state: State) => STATE_WORDS[state];

/** The string field `key` of a job's result, where there is one. */
export function resultText(job: Pick<Job, "result"> | undefined, key: string): string | null {
  const value = job?.result?.[key];
  return typeof value === "string" ? value : null;
}
