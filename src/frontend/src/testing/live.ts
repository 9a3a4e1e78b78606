/** Small runs as events, true to what the server sends, and a socket that sends them. */

import { decode, encode } from "@msgpack/msgpack";
import { vi } from "vitest";
import type { Change, LiveEvent, Payload, ReceiptEvent, StartEvent, StepEvent } from "@/lib/liveEvents";
import { TRACE_ID } from "./fixtures";

const token = (id: number, text: string, special = false) => ({ id, text, special });

export const start = (part: Partial<StartEvent> = {}): StartEvent => ({
  type: "start",
  trace_id: TRACE_ID,
  model_id: "neuronscope/tiny",
  tokens: [token(1, "<s>", true), token(2, "Hi"), token(3, " there")],
  points: [
    "resid_pre.0",
    "resid_pre.1",
    "mlp_act.0",
    "mlp_act.1",
    "resid_post.0",
    "resid_post.1",
    "attn_weights.0",
    "attn_weights.1",
  ],
  unavailable: { "resid_mid.0": "attention and MLP run in parallel" },
  config: {},
  settings: { messages: [{ role: "user", content: "Hi there" }], interventions: [] },
  ...part,
});

const bytes = (array: Float32Array | Uint16Array) => new Uint8Array(array.buffer);

export const topUnits = (indices: number[], values: number[]): Payload => ({
  kind: "topk_hidden",
  k: indices.length,
  index_dtype: "u16",
  positions: [0],
  indices: bytes(Uint16Array.from(indices)),
  dtype: "f32",
  values: bytes(Float32Array.from(values)),
});

export const summary = (argmax: number[]): Payload => ({
  kind: "attention_summary",
  heads: argmax.length,
  top: 1,
  index_dtype: "u16",
  argmax: bytes(Uint16Array.from(argmax)),
  max: bytes(new Float32Array(argmax.length).fill(0.75)),
  entropy: bytes(new Float32Array(argmax.length).fill(0.5)),
});

const stats = (l2: number) => ({ mean: 0.1, std: 0.5, min: -2, max: 1.25, l2, sparsity: 0.25, p99: 1.2 });

const WORDS = ["Once", " upon", " a", " time", "."];

/** Step `number` of a run: its L2 norms are `10 · number + layer + 1`, its strongest neuron `number` with −4. */
export function step(number: number, part: Partial<StepEvent> = {}): StepEvent {
  const prefill = number === 0;
  const entries = start().points.map((address) => {
    const layer = Number(address.split(".")[1]);
    const attention = address.startsWith("attn");
    const payload = attention
      ? summary([1, 2])
      : prefill && !address.startsWith("resid_post")
        ? null
        : topUnits([number, 9], [-4, 2]);
    const shape = attention ? [2, 1, 3 + number] : [prefill ? 3 : 1, 16];
    return { address, shape, stats: attention ? {} : stats(10 * number + layer + 1), payload };
  });
  const text = WORDS[number % WORDS.length] ?? "";
  return {
    type: "step",
    phase: prefill ? "prefill" : "decode",
    step: number,
    pos0: prefill ? 0 : 2 + number,
    t_add: prefill ? 3 : 1,
    inputs: prefill ? start().tokens : [token(10, WORDS[(number - 1) % WORDS.length] ?? "")],
    token_id: 10 + number,
    token: text,
    logprob: Math.log(0.5),
    top: [
      { id: 10 + number, text, logprob: Math.log(0.5) },
      { id: 50, text: " else", logprob: Math.log(0.25) },
    ],
    entries,
    dropped: null,
    ...part,
  };
}

/** A step as it comes without credit. */
export const lightStep = (number: number): StepEvent => {
  const whole = step(number);
  const addresses = whole.entries.flatMap(({ address, payload }) => (payload ? [address] : []));
  const entries = whole.entries.map((entry) => ({ ...entry, payload: null }));
  return { ...whole, entries, dropped: { policy: "no_credit", bytes: 100, limit: 0, addresses } };
};

export const receipt = (number: number, changes: readonly Change[], defined = false): ReceiptEvent => ({
  type: "receipt",
  step: number,
  interventions: changes.map(({ id }) => ({ id, fired: true, positions: 1, units: 1, delta_l2: 4 })),
  defined: defined ? changes : null,
});

export const done = (reason: "eos" | "length" | "stopped" = "length"): LiveEvent => ({
  type: "done",
  reason,
  unfired: [],
});

type Sent = { type: string; [field: string]: unknown };

/** In the place of the browser's sockets: the test opens them, sends frames, breaks them. */
export class FakeSocket {
  static readonly OPEN = 1;
  static all: FakeSocket[] = [];
  readonly url: string;
  binaryType = "blob";
  readyState = 0;
  sent: Sent[] = [];
  onopen: (() => void) | null = null;
  onclose: (() => void) | null = null;
  onmessage: ((event: { data: ArrayBuffer }) => void) | null = null;

  constructor(url: string) {
    this.url = url;
    FakeSocket.all.push(this);
  }

  static install(): void {
    FakeSocket.all = [];
    vi.stubGlobal("WebSocket", FakeSocket);
  }

  static get last(): FakeSocket {
    const last = FakeSocket.all.at(-1);
    if (!last) throw new Error("No socket was opened.");
    return last;
  }

  send(data: Uint8Array): void {
    this.sent.push(decode(data) as Sent);
  }

  close(): void {
    this.readyState = 3;
  }

  open(): this {
    this.readyState = 1;
    this.onopen?.();
    return this;
  }

  emit(...events: object[]): void {
    for (const event of events) {
      const packed = encode(event);
      this.onmessage?.({ data: packed.slice().buffer });
    }
  }

  break(): void {
    this.readyState = 3;
    this.onclose?.();
  }
}
