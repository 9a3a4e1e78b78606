/** The run on screen, and what a person wishes of it. It outlives the view: a run goes on while one looks at a neuron. */

import { create } from "zustand";
import { ApiError, client, unwrap } from "@/api/client";
import { type GenerateRequest, RunStream, type StreamState } from "@/api/live";
import { StepCache } from "@/api/traceCache";
import { pageHint } from "@/lib/hints";
import type { Change, ErrorEvent, LiveEvent, Message } from "@/lib/liveEvents";
import { ended, inForceAt, isLive, noRun, type Run, withEvents } from "@/lib/run";

/** What was sent and has not begun. */
export interface Sent {
  text: string;
  messages: readonly Message[] | null;
  modelId: string;
}

export interface LiveState {
  run: Run;
  /** Its steps with payloads. */
  cache: StepCache | null;
  stream: StreamState | null;
  /** Set while a trace is looked up. */
  opening: string | null;
  sent: Sent | null;
  /** Why the last wish was not granted. */
  refusal: ApiError | null;
  draft: string;
  /** The changes that are asked for: in force while a run goes on, else sent with the next message. */
  wanted: readonly Change[];
  /** Whether a change was sent and no step has told of it yet. */
  changing: boolean;
  /** The step on screen; null for the newest. */
  shown: number | null;
  playing: boolean;
  /** Steps a second. */
  speed: number;
  /** Grows when a step was fetched into the cache. */
  fetched: number;
}

export const useLive = create<LiveState>(() => ({
  run: noRun(),
  cache: null,
  stream: null,
  opening: null,
  sent: null,
  refusal: null,
  draft: "",
  wanted: [],
  changing: false,
  shown: null,
  playing: false,
  speed: 5,
  fetched: 0,
}));

const { setState: set, getState: get } = useLive;

let stream: RunStream | null = null;
/** What was on screen when a message was sent, and the changes that went with it: both are needed where it is refused. */
let before: Pick<LiveState, "run" | "cache"> | null = null;
let sentChanges: readonly Change[] = [];

const listener = (own: () => RunStream | null) => ({
  onEvents: (events: readonly LiveEvent[]) => {
    if (own() === stream) onEvents(events);
  },
  onState: (state: StreamState) => {
    if (own() === stream) set({ stream: state });
  },
});

/* A stream that was left may still hand on what it holds; only the present one's events count. */
function follow(begin: (on: ReturnType<typeof listener>) => RunStream): void {
  stream?.close();
  let mine: RunStream | null = null;
  mine = begin(listener(() => mine));
  stream = mine;
}

function leave(): void {
  stream?.close();
  stream = null;
  before = null;
  set({
    opening: null,
    sent: null,
    refusal: null,
    changing: false,
    stream: null,
    shown: null,
    playing: false,
  });
}

/** Back to nothing; what is wanted of the next run stays. */
export function newChat(): void {
  leave();
  set({ run: noRun(), cache: null });
}

/** Open a run by its trace: one that goes on is joined, one that ended is read. */
export async function openTrace(traceId: string, shown: number | null): Promise<void> {
  leave();
  set({ run: noRun(traceId), cache: null, opening: traceId, shown });
  let closed = false;
  try {
    const path = { trace_id: traceId };
    closed = (await unwrap(client.GET("/api/traces/{trace_id}", { params: { path } }))).closed;
  } catch {
    // A run that waits has no file yet, and a server that is gone comes back: the stream tells what is the case.
  }
  if (get().opening !== traceId) return;
  set({ opening: null });
  replaying = closed;
  follow((on) => RunStream.watch(traceId, !closed, on));
}

/** Whether the stream tells of a run that is over: what was in force then is not what is wanted now. */
let replaying = false;

export function send(request: GenerateRequest, text: string): void {
  const { run, cache, wanted } = get();
  leave();
  before = { run, cache };
  sentChanges = wanted;
  replaying = false;
  const sent = { text, messages: request.messages ?? null, modelId: request.model_id };
  set({ run: noRun(), cache: null, sent, draft: "" });
  follow((on) => RunStream.generate({ ...request, interventions: wanted }, on));
}

export function stop(): void {
  if (stream?.stop() === false) set({ refusal: lostNow() });
}

/** Ask for these changes and no others. */
export function change(wanted: readonly Change[]): void {
  const { run, sent } = get();
  set({ refusal: null });
  if (!isLive(run) || run.start === null || sent !== null) set({ wanted });
  else if (stream?.intervene(wanted)) set({ wanted, changing: true });
  else set({ refusal: lostNow() });
}

/** Tries at once what the stream would try in a while. */
export const reconnect = () => stream?.retry();

export const noteFetched = () => set(({ fetched }) => ({ fetched: fetched + 1 }));

const lostNow = () =>
  new ApiError(
    0,
    "unreachable",
    "The connection is lost just now.",
    "The page joins the run again by itself.",
  );

const goneBefore = () =>
  new ApiError(0, "not_found", "The server was started anew before the run had begun.", "Send it again.");

const asError = ({ code, message, hint }: ErrorEvent) =>
  new ApiError(400, code, message, pageHint(message, hint));

function onEvents(events: readonly LiveEvent[]): void {
  const now = get();
  const run = withEvents(now.run, events);
  const next: Partial<LiveState> = { run };
  if (run.start !== null && now.cache?.traceId !== run.start.trace_id)
    next.cache = new StepCache(run.start.trace_id);
  const cache = next.cache ?? now.cache;
  for (const event of events) {
    if (event.type === "step") cache?.put(event);
    else if (event.type === "start" && now.run.start === null)
      onStart(event.settings.interventions ?? [], next);
    else if (event.type === "receipt" && event.defined !== null && !replaying)
      Object.assign(next, { wanted: event.defined, changing: false });
    else if (event.type === "error") onError(event, next);
    else if (event.type === "done" && run.start === null) onNeverBegun(null, next);
  }
  set(next);
  if (next.run?.end) stream?.close();
}

function onStart(inForce: readonly Change[], next: Partial<LiveState>): void {
  const { sent, wanted } = get();
  before = null;
  next.sent = null;
  if (replaying) return;
  if (sent === null) next.wanted = inForce;
  // What was asked for while the message waited was not sent with it.
  else if (wanted !== sentChanges && stream?.intervene(wanted)) next.changing = true;
}

function onError(error: ErrorEvent, next: Partial<LiveState>): void {
  const run = next.run ?? get().run;
  if (error.request === "intervene" && run.end === null) {
    // The run goes on as it was.
    Object.assign(next, { wanted: inForceAt(run, Number.POSITIVE_INFINITY), changing: false });
    next.refusal = asError(error);
  } else if (run.start !== null && error.request === null) next.run = ended(run, error);
  else if (run.start !== null || error.request === "stop") next.refusal = asError(error);
  else onNeverBegun(error, next);
  // What can't be joined any more is not tried again.
  if (error.request === "watch") stream?.close();
}

/** Refused, or stopped while it waited: all is as it was before it was asked for, and what was typed is there again. */
function onNeverBegun(error: ErrorEvent | null, next: Partial<LiveState>): void {
  const { sent } = get();
  Object.assign(next, before ?? { run: noRun(), cache: null });
  Object.assign(next, { sent: null, stream: "closed" });
  if (error) next.refusal = sent && error.request === "watch" ? goneBefore() : asError(error);
  if (sent) next.draft = sent.text;
  before = null;
  stream?.close();
}
