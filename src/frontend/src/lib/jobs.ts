/** What a job's state means for a person and for polling. */

import type { Job } from "@/api/types";
import { formatBytes, formatCount, formatDuration } from "./format";
import { secondsLeft } from "./rate";

type State = Job["state"];

const ACTIVE: readonly State[] = ["queued", "running"];

export const isActive = (job: Pick<Job, "state">) => ACTIVE.includes(job.state);

/** 0 … 1, or null where the end is not known. */
export function fraction(job: Pick<Job, "progress" | "state">): number | null {
  if (job.state === "done") return 1;
  const { done, total } = job.progress;
  return total ? Math.max(0, Math.min(1, done / total)) : null;
}

const PHASES: Record<string, string> = { fetch: "fetching ", load: "reading weights, " };

export function progressText(job: Pick<Job, "progress" | "state">): string {
  if (job.state === "queued") return "waiting for its turn";
  const { done, total, unit, phase } = job.progress;
  if (unit === "bytes") {
    if (total && done >= total && phase === "load") return "checking it against Hugging Face";
    const words = PHASES[phase] ?? "";
    if (total) return `${words}${formatBytes(done)} of ${formatBytes(total)}`;
    return done > 0 ? `${words}${formatBytes(done)}` : "getting ready";
  }
  const show = (value: number) => Math.round(value).toLocaleString("en-US");
  if (total) return `${show(done)} of ${show(total)} ${unit}`.trim();
  return done > 0 ? `${show(done)} ${unit}`.trim() : "working";
}

/** How fast it goes and how long the rest takes; "" where that can't be told or says nothing. */
export function paceText(job: Pick<Job, "progress" | "state">, rate: number | null): string {
  const { done, total, unit } = job.progress;
  if (rate === null || unit === "") return "";
  const left = secondsLeft(done, total, rate);
  const pace =
    unit === "bytes"
      ? formatBytes(rate)
      : `${rate < 10 ? rate.toFixed(1) : formatCount(Math.round(rate))} ${unit}`;
  return `${pace}/s${left === null ? "" : ` · ${formatDuration(left)} left`}`;
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
