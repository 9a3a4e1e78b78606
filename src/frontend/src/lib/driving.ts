/** What jobs found that ran the model: the shortest text that drives a unit, and what drives several together. */

import type { Example, Job, NgramStat, TokenStat } from "@/api/types";

/** As the server's `Shortest`: `before` is the value at the last of `context`, `after` that at the last of `tokens`. */
export interface Shortest {
  unit: string;
  context: string[];
  tokens: string[];
  text: string;
  before: number;
  after: number;
  as_typed: number | null;
  same_tokens: boolean;
  share: number;
  cut: number;
  deleted: number;
  texts: number;
  run_tokens: number;
  complete: boolean;
}

export interface TogetherContext extends Omit<Example, "activation"> {
  score: number;
  scores: number[];
  /** The members' own values at the peak, in the order of `units`. */
  activations: number[];
}

/** As the server's `GroupTop`: nothing in the corpus is stronger than any of the first `certain` contexts but those before it. */
export interface Together {
  index_id: string;
  units: string[];
  contexts: TogetherContext[];
  tokens: TokenStat[];
  ngrams: NgramStat[];
  candidates: number;
  searched: number;
  bound: number | null;
  certain: number;
  constant: string[];
}

/** The result of a finished job of this kind; null for any other. */
const finished = (job: Job | undefined, kind: string) =>
  job?.kind === kind && job.state === "done" && job.result ? job.result : null;

// A job's result comes without a type of its own; what marks its kind is looked at, the rest is the server's promise.
export function readShortest(job: Job | undefined): Shortest | null {
  const result = finished(job, "shortest");
  return result && Array.isArray(result.tokens) && typeof result.after === "number"
    ? (result as unknown as Shortest)
    : null;
}

export function readTogether(job: Job | undefined): Together | null {
  const result = finished(job, "together");
  return result && Array.isArray(result.contexts) && Array.isArray(result.units)
    ? (result as unknown as Together)
    : null;
}

/** How far the contexts are certain to be the strongest of the whole corpus, in a sentence. */
export function certaintyOf(found: Together): string {
  const { certain, bound, candidates, searched } = found;
  const shown = found.contexts.length;
  if (bound === null || certain >= shown)
    return shown === 0
      ? "No place of the corpus was found."
      : "It is certain that nothing in the whole corpus scores higher than these.";
  const sure =
    certain === 0
      ? "It is not certain of any of these that nothing else in the corpus scores higher"
      : certain === 1
        ? "Of the first it is certain that nothing in the corpus scores higher"
        : `Of the first ${certain} it is certain that nothing else in the corpus scores higher`;
  const rest =
    searched < candidates
      ? `; ${(candidates - searched).toLocaleString("en-US")} of ${candidates.toLocaleString("en-US")} promising windows were not run`
      : "; an index with a larger k could tell more";
  return `${sure}${rest}.`;
}
