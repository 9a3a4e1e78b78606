/** The stream of one run: asked for or joined, kept up over breaks, handed on in batches as fast as the page takes them. */

import { decode, encode } from "@msgpack/msgpack";
import { type Change, type LiveEvent, type Message, readEvent } from "@/lib/liveEvents";
import { isWhole } from "./traceCache";

export interface GenerateRequest {
  model_id: string;
  messages?: readonly Message[];
  prompt?: string;
  max_new_tokens: number;
  temperature: number;
  top_k?: number;
  top_p?: number;
  seed?: number;
  /** What is kept of each step; the server's own choice where it is left out. */
  config?: { capture_mode: string };
  /** Steps a second at most. */
  pace?: number;
  /** One CUDA graph a token; refused where the model can't. */
  compiled?: boolean;
  interventions?: readonly Change[];
}

/** `lost`: the stream broke and is being joined again. */
export type StreamState = "connecting" | "open" | "lost" | "closed";

export interface StreamListener {
  onEvents: (events: readonly LiveEvent[]) => void;
  onState: (state: StreamState) => void;
}

/** How often the page takes what has come: more often than a person sees is wasted on drawing. */
const BATCH_MS = 40;
/** Credits are given back in groups; the server begins with four of them. */
const CREDITS = 16;
const FIRST_RETRY_MS = 500;
const LAST_RETRY_MS = 10_000;

const liveUrl = () => `${window.location.origin.replace(/^http/, "ws")}/api/live`;

/** One connection for each run: closing it is all it takes to leave a run, and its credits are its own. */
export class RunStream {
  private readonly listener: StreamListener;
  private socket: WebSocket | null = null;
  private traceId: string | null = null;
  private lastStep = 0;
  private ended = false;
  private state: StreamState = "connecting";
  private waiting: LiveEvent[] = [];
  private owed = 0;
  private readonly crediting: boolean;
  private retryMs = FIRST_RETRY_MS;
  private flushTimer: ReturnType<typeof setTimeout> | undefined;
  private retryTimer: ReturnType<typeof setTimeout> | undefined;

  private constructor(listener: StreamListener, crediting: boolean) {
    this.listener = listener;
    this.crediting = crediting;
  }

  static generate(request: GenerateRequest, listener: StreamListener): RunStream {
    const stream = new RunStream(listener, true);
    stream.connect({ type: "generate", ...request });
    return stream;
  }

  /** Without `crediting` a long run that ended comes light: its payloads are fetched as they are looked at. */
  static watch(traceId: string, crediting: boolean, listener: StreamListener): RunStream {
    const stream = new RunStream(listener, crediting);
    stream.traceId = traceId;
    stream.connect(stream.joining());
    return stream;
  }

  /** Changes what is in force; false where nobody is listening now. */
  intervene(interventions: readonly Change[]): boolean {
    return this.send({ type: "intervene", trace_id: this.traceId, interventions, replace: true });
  }

  stop(): boolean {
    return this.send({ type: "stop", trace_id: this.traceId });
  }

  /** Tries at once to join again, where that is being waited for. */
  retry(): void {
    if (this.retryTimer === undefined) return;
    clearTimeout(this.retryTimer);
    this.retryTimer = undefined;
    this.connect(this.joining());
  }

  close(): void {
    this.ended = true;
    clearTimeout(this.flushTimer);
    clearTimeout(this.retryTimer);
    this.waiting = [];
    this.socket?.close();
    this.socket = null;
  }

  private joining() {
    // The last step comes once more: its receipt may not have come with it.
    return { type: "watch", trace_id: this.traceId, from_step: this.lastStep };
  }

  private connect(first: object): void {
    const socket = new WebSocket(liveUrl());
    socket.binaryType = "arraybuffer";
    this.socket = socket;
    if (this.state !== "lost") this.tell("connecting");
    socket.onopen = () => {
      this.owed = 0;
      this.tell("open");
      this.send(first);
    };
    socket.onmessage = ({ data }) => {
      if (socket === this.socket && data instanceof ArrayBuffer) this.take(decode(new Uint8Array(data)));
    };
    socket.onclose = () => {
      if (socket === this.socket) this.onBreak();
    };
  }

  private take(message: unknown): void {
    const event = readEvent(message);
    if (event === null) return;
    // A stream that gives anything is up; one that breaks at once again must not be asked in a hurry.
    this.retryMs = FIRST_RETRY_MS;
    if (event.type === "queued" || event.type === "start") this.traceId = event.trace_id;
    if (event.type === "done") this.ended = true;
    if (event.type === "step") {
      this.lastStep = event.step;
      if (isWhole(event)) this.owed += 1;
    }
    this.waiting.push(event);
    this.flushTimer ??= setTimeout(() => this.flush(), BATCH_MS);
  }

  private flush(): void {
    clearTimeout(this.flushTimer);
    this.flushTimer = undefined;
    const events = this.waiting;
    this.waiting = [];
    if (events.length > 0) this.listener.onEvents(events);
    this.credit();
  }

  private credit(): void {
    if (!this.crediting || this.owed < CREDITS) return;
    if (this.send({ type: "credit", frames: this.owed })) this.owed = 0;
  }

  private onBreak(): void {
    this.socket = null;
    this.flush();
    if (this.ended) this.tell("closed");
    else if (this.traceId === null) {
      // Nothing names the run, so nothing can be joined: it is as if it had been refused.
      this.ended = true;
      this.tell("closed");
      this.listener.onEvents([
        {
          type: "error",
          request: "generate",
          code: "unreachable",
          message: "The server did not take the message.",
          hint: "Check that NeuronScope is still running in its terminal, then send it again.",
        },
      ]);
    } else {
      this.tell("lost");
      this.retryTimer = setTimeout(() => {
        this.retryTimer = undefined;
        this.connect(this.joining());
      }, this.retryMs);
      this.retryMs = Math.min(LAST_RETRY_MS, this.retryMs * 2);
    }
  }

  private send(message: object): boolean {
    if (this.socket?.readyState !== WebSocket.OPEN) return false;
    this.socket.send(encode(message, { ignoreUndefined: true }));
    return true;
  }

  private tell(state: StreamState): void {
    if (this.state === state && state !== "connecting") return;
    this.state = state;
    this.listener.onState(state);
  }
}
