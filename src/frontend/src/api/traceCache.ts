/** Steps with their payloads, as many as fit; those that are not here are fetched from the trace when they are looked at. */

import { decode } from "@msgpack/msgpack";
import { readEvent, type StepEvent } from "@/lib/liveEvents";
import { ApiError, client, unwrap } from "./client";

const MOST_BYTES = 64 << 20;
/** The policy of a frame whose payloads were left out because the page had no credit: the trace has them. */
const NO_CREDIT = "no_credit";

/** Whether a step holds all that its trace holds. */
export const isWhole = ({ dropped }: Pick<StepEvent, "dropped">) => dropped?.policy !== NO_CREDIT;

export async function fetchStep(traceId: string, step: number, signal?: AbortSignal): Promise<StepEvent> {
  const bytes = await unwrap(
    client.GET("/api/traces/{trace_id}/steps/{step}", {
      params: { path: { trace_id: traceId, step } },
      parseAs: "arrayBuffer",
      ...(signal && { signal }),
    }),
  );
  const event = readEvent(decode(new Uint8Array(bytes as unknown as ArrayBuffer)));
  if (event?.type !== "step")
    throw new ApiError(
      200,
      "unexpected",
      `The server's answer is no step of ${traceId}.`,
      "Reload the page.",
    );
  return event;
}

/** The steps of one trace; the one that was looked at longest ago goes first. */
export class StepCache {
  readonly traceId: string;
  private readonly most: number;
  private readonly held = new Map<number, { event: StepEvent; bytes: number }>();
  private bytes = 0;

  constructor(traceId: string, most = MOST_BYTES) {
    this.traceId = traceId;
    this.most = most;
  }

  /** Undefined where the step is not here, or not whole. */
  get(step: number): StepEvent | undefined {
    const found = this.held.get(step);
    if (!found) return undefined;
    this.held.delete(step);
    this.held.set(step, found);
    return found.event;
  }

  put(event: StepEvent): void {
    if (!isWhole(event)) return;
    this.drop(event.step);
    const bytes = sizeOf(event);
    this.held.set(event.step, { event, bytes });
    this.bytes += bytes;
    for (const oldest of this.held.keys()) {
      if (this.bytes <= this.most || oldest === event.step) break;
      this.drop(oldest);
    }
  }

  /** The step, fetched where it is not here. */
  async load(step: number, signal?: AbortSignal): Promise<StepEvent> {
    const here = this.get(step);
    if (here) return here;
    const event = await fetchStep(this.traceId, step, signal);
    this.put(event);
    return event;
  }

  private drop(step: number): void {
    this.bytes -= this.held.get(step)?.bytes ?? 0;
    this.held.delete(step);
  }
}

/* Payloads are views into their frame, which stays as long as one of them does. */
function sizeOf({ entries }: StepEvent): number {
  const frames = new Set<ArrayBufferLike>();
  for (const { payload } of entries)
    for (const value of Object.values(payload ?? {}))
      if (value instanceof Uint8Array) frames.add(value.buffer);
  return [...frames].reduce((sum, { byteLength }) => sum + byteLength, 1024);
}
