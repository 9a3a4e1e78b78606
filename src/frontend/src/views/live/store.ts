/** The run on screen, and what a person wishes of it. It outlives the view: a run goes on while one looks at a neuron. */

import { create } from "zustand";
import { client, unwrap } from "@/api/client";
import { type GenerateRequest, RunStream, type StreamState } from "@/api/live";
import { StepCache } from "@/api/traceCache";
import type { Asked } from "@/lib/changes";
import type { Change, ErrorEvent, LiveEvent, Message } from "@/lib/liveEvents";
import { ended, inForceAt, isLive, noRun, type Run, withEvents } from "@/lib/run";
import { asError, lostNow, notSent, type Refusal, refused, type Sendable } from "./refusal";

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
  refusal: Refusal | null;
  /** How many of the earliest messages were left out of this conversation, since the model reads no more. */
  leftOut: number;
  draft: string;
  /** The changes that are asked for: in force while a run goes on, else sent with the next message. */
  wanted: readonly Change[];
  /** Whether a change was sent and no step has told of it yet. */
  changing: boolean;
  asked: Asked | null;
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
  leftOut: 0,
  draft: "",
  wanted: [],
  changing: false,
  asked: null,
  shown: null,
  playing: false,
  speed: 5,
  fetched: 0,
}));

const { setState: set, getState: get } = useLive;

/** A run says that it has begun a moment before it takes changes, and one that ends says so a moment after. */
const CONFLICT_TRIES = 5;
const CONFLICT_MS = 200;

let stream: RunStream | null = null;
/** What was on screen when a message was sent, and the changes that went with it: both are needed where it is refused. */
let before: Pick<LiveState, "run" | "cache" | "leftOut"> | null = null;
/** The changes that the run which is awaited begins with, as far as the page knows. */
let sentChanges: readonly Change[] = [];
let lastSent: Sendable | null = null;
/** Whether a person has agreed to leave out as many messages as it takes, and how many those are by now. */
let shortening = false;
let left = 0;
let triesLeft = 0;

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
    asked: null,
    stream: null,
    shown: null,
    playing: false,
  });
}

/** Back to nothing; what is wanted of the next run stays. */
export function newChat(): void {
  leave();
  set({ run: noRun(), cache: null, leftOut: 0 });
}

/** Open a run by its trace: one that goes on is joined, one that ended is read. */
export async function openTrace(traceId: string, shown: number | null): Promise<void> {
  leave();
  set({ run: noRun(traceId), cache: null, opening: traceId, shown, leftOut: 0 });
  sentChanges = get().wanted;
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
  shortening = false;
  left = 0;
  begin(request, text);
}

/** Send what was too long again, without its earliest messages: as many as it takes, which the conversation then tells. */
export function sendShorter(): void {
  const shorter = get().refusal?.shorter;
  if (!shorter || !lastSent) return;
  shortening = true;
  left += (lastSent.request.messages?.length ?? 0) - (shorter.request.messages?.length ?? 0);
  begin(shorter.request, shorter.text);
}

function begin(request: GenerateRequest, text: string): void {
  const { run, cache, wanted, leftOut } = get();
  leave();
  before = { run, cache, leftOut };
  sentChanges = wanted;
  lastSent = { request, text };
  replaying = false;
  const sent = { text, messages: request.messages ?? null, modelId: request.model_id };
  const goesOn = (request.messages?.length ?? 0) > 1 || left > 0;
  set({ run: noRun(), cache: null, sent, draft: "", leftOut: goesOn ? leftOut + left : 0 });
  follow((on) => RunStream.generate({ ...request, interventions: wanted }, on));
}

export function stop(): void {
  if (stream?.stop() === false) set({ refusal: refused("message", lostNow()) });
}

/** Ask for these changes and no others. */
export function change(wanted: readonly Change[]): void {
  const { run, sent } = get();
  set({ refusal: null, asked: null });
  if (!isLive(run) || run.start === null || sent !== null) set({ wanted });
  else if (intervene(wanted)) set({ wanted, changing: true });
  else set({ refusal: refused("change", lostNow()) });
}

function intervene(wanted: readonly Change[], tries = CONFLICT_TRIES): boolean {
  triesLeft = tries;
  return stream?.intervene(wanted) ?? false;
}

/** Tries at once what the stream would try in a while. */
export const reconnect = () => stream?.retry();

export const noteFetched = () => set(({ fetched }) => ({ fetched: fetched + 1 }));

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
  if (next.run?.end) {
    // A change that came too late stays wished, and goes with the next message.
    set({ changing: false });
    stream?.close();
  }
}

function onStart(inForce: readonly Change[], next: Partial<LiveState>): void {
  const { sent, wanted } = get();
  before = null;
  next.sent = null;
  if (replaying) return;
  // What was asked for while the run waited goes to it now.
  if (wanted !== sentChanges) next.changing = intervene(wanted);
  else if (sent === null) next.wanted = inForce;
}

function onError(error: ErrorEvent, next: Partial<LiveState>): void {
  const run = next.run ?? get().run;
  if (error.request === "intervene" && run.end === null) onChangeRefused(error, run, next);
  else if (run.start !== null && error.request === null) next.run = ended(run, error);
  else if (run.start !== null || error.request === "stop") next.refusal = refused("message", asError(error));
  else onNeverBegun(error, next);
  // What can't be joined any more is not tried again.
  if (error.request === "watch") stream?.close();
}

function onChangeRefused(error: ErrorEvent, run: Run, next: Partial<LiveState>): void {
  if (error.code === "conflict" && triesLeft > 0) {
    const mine = stream;
    setTimeout(() => {
      if (mine === stream && isLive(get().run)) intervene(get().wanted, triesLeft - 1);
    }, CONFLICT_MS);
    return;
  }
  // The run goes on as it was.
  Object.assign(next, { wanted: inForceAt(run, Number.POSITIVE_INFINITY), changing: false });
  next.refusal = refused("change", asError(error));
}

/** Refused, or stopped while it waited: all is as it was before it was asked for, and what was typed is there again. */
function onNeverBegun(error: ErrorEvent | null, next: Partial<LiveState>): void {
  const { sent } = get();
  Object.assign(next, before ?? { run: noRun(), cache: null });
  Object.assign(next, { sent: null, stream: "closed" });
  if (sent) next.draft = sent.text;
  if (error) next.refusal = sent ? notSent(error, lastSent) : refused("message", asError(error));
  before = null;
  stream?.close();
  if (shortening && next.refusal?.shorter) queueMicrotask(sendShorter);
}
