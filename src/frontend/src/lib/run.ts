/** A run as the page holds it: what the events of a stream add up to, whatever was sent twice. */

import { parseAddress } from "./address";
import { formatPercent } from "./format";
import type {
  Change,
  DoneEvent,
  Dropped,
  ErrorEvent,
  GapEvent,
  LikelyToken,
  LiveEvent,
  ReceiptEvent,
  RunToken,
  StartEvent,
  StatName,
  StepEvent,
} from "./liveEvents";
import { STAT_NAMES } from "./liveEvents";
import { joinTokens } from "./tokens";

/** A step without its payloads: those are large, and kept for as long as there is room. */
export interface LightStep {
  step: number;
  phase: StepEvent["phase"];
  pos0: number;
  inputs: readonly RunToken[];
  /** Null where the model's server does not tell it, or no token came. */
  tokenId: number | null;
  token: string | null;
  logprob: number | null;
  top: readonly LikelyToken[];
  /** `[point][statistic]` in the order of the start event's points; NaN where a point was not seen. */
  stats: Float32Array;
  dropped: Dropped | null;
  /** Why the step is not there: then all else about it is empty. */
  lost: string | null;
}

export interface Run {
  traceId: string | null;
  /** How many runs are before this one, while it has not begun. */
  queued: number | null;
  start: StartEvent | null;
  steps: readonly LightStep[];
  receipts: ReadonlyMap<number, ReceiptEvent>;
  end: DoneEvent | ErrorEvent | null;
}

const WIDTH = STAT_NAMES.length;
const LIKELY = 5;

export const noRun = (traceId: string | null = null): Run => ({
  traceId,
  queued: null,
  start: null,
  steps: [],
  receipts: new Map(),
  end: null,
});

/** The run after these events. A step that is there already is left as it is. Errors are for the caller: see {@link ended}. */
export function withEvents(run: Run, events: readonly LiveEvent[]): Run {
  const next = { ...run, steps: [...run.steps], receipts: new Map(run.receipts) };
  for (const event of events) {
    if (event.type === "queued") {
      next.traceId = event.trace_id;
      next.queued = event.position;
    } else if (event.type === "start") {
      // A stream that is joined again begins with the same start.
      if (next.start?.trace_id === event.trace_id) continue;
      next.traceId = event.trace_id;
      next.queued = null;
      next.start = event;
    } else if (event.type === "step") {
      if (next.start === null || event.step !== next.steps.length) continue;
      next.steps.push(lighten(event, next.start));
    } else if (event.type === "gap") {
      for (let step = next.steps.length; next.start && step <= event.to_step; step += 1)
        next.steps.push(lostStep(step, event, next.start));
    } else if (event.type === "receipt") next.receipts.set(event.step, event);
    else if (event.type === "done") next.end = event;
  }
  return next;
}

/** The run after an error that was its last event. */
export const ended = (run: Run, end: ErrorEvent): Run => ({ ...run, queued: null, end });

export const isLive = (run: Run) => run.traceId !== null && run.end === null;

const places = new WeakMap<StartEvent, Map<string, number>>();

function placeOf(start: StartEvent, address: string): number | undefined {
  let found = places.get(start);
  if (!found) {
    found = new Map(start.points.map((point, at) => [point, at]));
    places.set(start, found);
  }
  return found.get(address);
}

function lighten(event: StepEvent, start: StartEvent): LightStep {
  const stats = new Float32Array(start.points.length * WIDTH).fill(Number.NaN);
  for (const entry of event.entries) {
    const place = placeOf(start, entry.address);
    if (place === undefined) continue;
    STAT_NAMES.forEach((name, at) => {
      stats[place * WIDTH + at] = entry.stats[name] ?? Number.NaN;
    });
  }
  const { step, phase, pos0, inputs, token_id: tokenId, token, logprob, top, dropped } = event;
  const light = {
    step,
    phase,
    pos0,
    inputs,
    tokenId,
    token,
    logprob,
    top: top.slice(0, LIKELY),
    stats,
    dropped,
  };
  return { ...light, lost: null };
}

function lostStep(step: number, { message }: GapEvent, { points, tokens }: StartEvent): LightStep {
  const pos0 = step === 0 ? 0 : tokens.length + step - 1;
  const phase = step === 0 ? "prefill" : "decode";
  const stats = new Float32Array(points.length * WIDTH).fill(Number.NaN);
  const empty = { inputs: [], tokenId: null, token: null, logprob: null, top: [], dropped: null };
  return { step, phase, pos0, stats, ...empty, lost: message };
}

/** A statistic of an address at a step; null where the run has none. */
export function statOf(run: Run, step: LightStep, address: string, stat: StatName): number | null {
  const place = run.start ? placeOf(run.start, address) : undefined;
  if (place === undefined) return null;
  const value = step.stats[place * WIDTH + STAT_NAMES.indexOf(stat)];
  return value === undefined || Number.isNaN(value) ? null : value;
}

/** The text's token at a position: of the prompt, or one that the run emitted. */
export function tokenAt(run: Run, position: number): string | null {
  const prompt = run.start?.tokens ?? [];
  return prompt[position]?.text ?? run.steps[position - prompt.length]?.token ?? null;
}

/** Probability of the token that a step emitted, before any temperature; null where it emitted none. */
export const probabilityOf = ({ logprob }: Pick<LightStep, "logprob">): number | null =>
  logprob === null || !Number.isFinite(logprob) ? null : Math.exp(logprob);

/** The same as text. */
export function chanceOf(step: Pick<LightStep, "logprob">): string {
  return step.logprob === null ? "not told" : formatPercent(probabilityOf(step));
}

/** Why a step has no probability, in a sentence; null where it has one. */
export function whyNoChance({ lost, token, logprob }: LightStep): string | null {
  if (lost !== null) return lost;
  if (token === null) return "It gave no token.";
  return logprob === null ? "The model’s server does not tell how likely this token was." : null;
}

/** The changes in force at a step: those that were set last, at or before it. */
export function inForceAt(run: Run, step: number): readonly Change[] {
  let found = run.start?.settings.interventions ?? [];
  for (const [at, { defined }] of run.receipts) if (at <= step && defined) found = defined;
  return found;
}

/** Whether a step's token is one that marks rather than says: the next step knows, or the end that it made. */
export function isMark(run: Run, { step, tokenId }: Pick<LightStep, "step" | "tokenId">): boolean {
  const next = run.steps[step + 1];
  if (next) return next.inputs[0]?.special ?? false;
  // A chat server ends its answers without a token that says so.
  return tokenId !== null && run.end?.type === "done" && run.end.reason === "eos";
}

/** What the run said, as one text: without its marks. */
export const saidBy = (run: Run): string =>
  joinTokens(run.steps.filter((step) => !isMark(run, step)).map(({ token }) => token ?? ""));

/** How many positions of the model's context the run has read, and so can't read again. */
const readSoFar = ({ start, steps }: Run): number =>
  (start?.tokens.length ?? 0) + Math.max(0, steps.length - 1);

/** How a run ended, in words: where a limit ended it, which one. */
export function endWords(run: Run): string {
  if (run.end?.type !== "done") return "";
  if (!run.steps.some(({ token }) => token !== null))
    return "Nothing was generated: this trace is of the prompt alone.";
  const { max_new_tokens: most, stop } = run.start?.settings ?? {};
  switch (run.end.reason) {
    case "eos":
      return Array.isArray(stop) && stop.length > 0
        ? "The model ended its answer, or came to one of the stop tokens."
        : "The model ended its answer.";
    case "stopped":
      return "Stopped before its end.";
    case "length":
      if (run.steps.length === most) return `It came to the most tokens that were asked for: ${most}.`;
      // A chat server tells neither its prompt's tokens nor its own limits.
      return run.start?.tokens.length === 0
        ? "The model's server ended it at a limit of its own."
        : `The model's context is full: it reads at most ${readSoFar(run)} tokens.`;
  }
}

/** What the run was given as plain text; for a conversation its messages tell more. */
export const promptText = ({ start }: Run): string =>
  joinTokens((start?.tokens ?? []).filter(({ special }) => !special).map(({ text }) => text));

/** The layers that a run tells of, in their order. */
export function layersOf({ start }: Run): number[] {
  const found = new Set<number>();
  for (const address of start?.points ?? []) {
    const layer = parseAddress(address)?.layer;
    if (layer !== undefined) found.add(layer);
  }
  return [...found].sort((a, b) => a - b);
}
