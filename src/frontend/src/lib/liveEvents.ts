/** The messages of a run as they travel: MessagePack maps, snake_case as the server writes them. */

export const STAT_NAMES = ["mean", "std", "min", "max", "l2", "sparsity", "p99"] as const;
export type StatName = (typeof STAT_NAMES)[number];

export interface RunToken {
  id: number;
  text: string;
  special: boolean;
}

export interface LikelyToken {
  /** Null where the model's server does not tell it. */
  id: number | null;
  text: string;
  logprob: number;
}

/** Arrays are bytes; `lib/payloads` reads them. */
export interface Payload {
  kind: string;
  [field: string]: unknown;
}

export interface Entry {
  address: string;
  shape: readonly number[];
  stats: Partial<Record<StatName, number>>;
  payload: Payload | null;
}

export interface Dropped {
  policy: string;
  bytes: number;
  limit: number;
  addresses: readonly string[];
}

/** One change to a run; fields beyond these are kept as they came. */
export interface Change {
  id: string;
  units: readonly string[];
  op: string;
  value?: number;
  [field: string]: unknown;
}

export interface Message {
  role: string;
  content: string;
}

export interface QueuedEvent {
  type: "queued";
  trace_id: string;
  /** How many runs are before this one. */
  position: number;
}

export interface StartEvent {
  type: "start";
  trace_id: string;
  model_id: string;
  tokens: readonly RunToken[];
  points: readonly string[];
  unavailable: Record<string, string>;
  config: Record<string, unknown>;
  settings: { messages?: readonly Message[] | null; interventions?: readonly Change[] } & Record<
    string,
    unknown
  >;
}

export interface StepEvent {
  type: "step";
  phase: "prefill" | "decode";
  step: number;
  pos0: number;
  t_add: number;
  inputs: readonly RunToken[];
  token_id: number | null;
  token: string | null;
  logprob: number | null;
  top: readonly LikelyToken[];
  entries: readonly Entry[];
  dropped: Dropped | null;
}

export interface ReceiptLine {
  id: string;
  fired: boolean;
  positions: number;
  units: number;
  delta_l2: number;
  note?: string;
}

export interface ReceiptEvent {
  type: "receipt";
  step: number;
  interventions: readonly ReceiptLine[];
  /** The changes themselves, where they were set anew before this step. */
  defined: readonly Change[] | null;
}

/** Stands for steps that can't be had any more. */
export interface GapEvent {
  type: "gap";
  from_step: number;
  to_step: number;
  message: string;
  hint: string;
}

export interface DoneEvent {
  type: "done";
  reason: "eos" | "length" | "stopped";
  unfired: readonly string[];
}

/** How a run ended; or, where it names a request, why a message of the page was refused. */
export interface ErrorEvent {
  type: "error";
  request: string | null;
  code: string;
  message: string;
  hint: string;
}

export type LiveEvent =
  | QueuedEvent
  | StartEvent
  | StepEvent
  | ReceiptEvent
  | GapEvent
  | DoneEvent
  | ErrorEvent;

/* What each kind must hold for the page to draw it; all else is taken on trust, since the server is our own. */
const NEEDED: Record<LiveEvent["type"], Record<string, (value: unknown) => boolean>> = {
  queued: { trace_id: isText, position: Number.isFinite },
  start: { trace_id: isText, model_id: isText, tokens: Array.isArray, points: Array.isArray },
  step: { step: Number.isInteger, pos0: Number.isInteger, inputs: Array.isArray, entries: Array.isArray },
  receipt: { step: Number.isInteger, interventions: Array.isArray },
  gap: { from_step: Number.isInteger, to_step: Number.isInteger, message: isText },
  done: { reason: isText },
  error: { message: isText },
};

const ABSENT: Partial<Record<LiveEvent["type"], object>> = {
  start: { unavailable: {}, config: {}, settings: {} },
  step: { phase: "decode", t_add: 1, token_id: null, token: null, logprob: null, top: [], dropped: null },
  receipt: { defined: null },
  gap: { hint: "" },
  done: { unfired: [] },
  error: { code: "unexpected", hint: "", request: null },
};

function isText(value: unknown): boolean {
  return typeof value === "string";
}

const isKind = (type: unknown): type is LiveEvent["type"] =>
  typeof type === "string" && Object.hasOwn(NEEDED, type);

/** A message as an event; null for one of another kind, or without what its kind must hold. */
export function readEvent(message: unknown): LiveEvent | null {
  if (typeof message !== "object" || message === null || !("type" in message)) return null;
  const { type } = message;
  if (!isKind(type)) return null;
  const fields = new Map<string, unknown>(Object.entries(message));
  if (!Object.entries(NEEDED[type]).every(([name, sound]) => sound(fields.get(name)))) return null;
  return { ...ABSENT[type], ...message } as LiveEvent;
}
