import { beforeEach, describe, expect, it, vi } from "vitest";
import type { LiveEvent } from "@/lib/liveEvents";
import { TRACE_ID } from "@/testing/fixtures";
import { done, FakeSocket, lightStep, start, step } from "@/testing/live";
import { RunStream, type StreamState } from "./live";

let events: LiveEvent[] = [];
let batches = 0;
let states: StreamState[] = [];
const listener = {
  onEvents: (found: readonly LiveEvent[]) => {
    events.push(...found);
    batches += 1;
  },
  onState: (state: StreamState) => {
    states.push(state);
  },
};
const request = { model_id: "neuronscope/tiny", prompt: "Hi", max_new_tokens: 4, temperature: 0 };
const sent = (type: string) =>
  FakeSocket.all.flatMap((socket) => socket.sent.filter((one) => one.type === type));
const steps = () => events.flatMap((event) => (event.type === "step" ? [event.step] : []));

beforeEach(() => {
  events = [];
  states = [];
  batches = 0;
  vi.useFakeTimers();
  FakeSocket.install();
  return () => vi.useRealTimers();
});

describe("a stream", () => {
  it("asks for a run on its own connection and hands its events on in batches", () => {
    RunStream.generate(request, listener);
    const socket = FakeSocket.last.open();
    expect(socket.url).toBe("ws://localhost:3000/api/live");
    expect(socket.sent).toEqual([{ type: "generate", ...request }]);
    socket.emit(start(), step(0), step(1));
    expect(events).toEqual([]);
    vi.advanceTimersByTime(50);
    expect([steps(), batches]).toEqual([[0, 1], 1]);
    expect(states).toEqual(["connecting", "open"]);
  });

  it("reads arrays as bytes", () => {
    RunStream.generate(request, listener);
    FakeSocket.last.open().emit(start(), step(1));
    vi.advanceTimersByTime(50);
    const [, found] = events;
    expect(found?.type === "step" && found.entries[0]?.payload?.values).toBeInstanceOf(Uint8Array);
  });

  it("gives back the credits of what it took, in groups", () => {
    RunStream.generate(request, listener);
    const socket = FakeSocket.last.open();
    socket.emit(start(), ...Array.from({ length: 15 }, (_, at) => step(at)));
    vi.advanceTimersByTime(50);
    expect(sent("credit")).toEqual([]);
    socket.emit(step(15), lightStep(16), lightStep(17));
    expect(sent("credit")).toEqual([]);
    vi.advanceTimersByTime(50);
    expect(sent("credit")).toEqual([{ type: "credit", frames: 16 }]);
  });

  it("holds its credits back where a run is over", () => {
    RunStream.watch(TRACE_ID, false, listener);
    const socket = FakeSocket.last.open();
    expect(socket.sent).toEqual([{ type: "watch", trace_id: TRACE_ID, from_step: 0 }]);
    socket.emit(start(), ...Array.from({ length: 40 }, (_, at) => step(at)));
    vi.advanceTimersByTime(50);
    expect(sent("credit")).toEqual([]);
  });

  it("stops and changes its run", () => {
    const stream = RunStream.generate(request, listener);
    expect(stream.stop()).toBe(false);
    FakeSocket.last.open().emit(start());
    const changes = [{ id: "a", units: ["mlp_act.0:1"], op: "ablate_zero" }];
    expect([stream.intervene(changes), stream.stop()]).toEqual([true, true]);
    expect(sent("intervene")).toEqual([
      { type: "intervene", trace_id: TRACE_ID, interventions: changes, replace: true },
    ]);
    expect(sent("stop")).toEqual([{ type: "stop", trace_id: TRACE_ID }]);
  });
});

describe("a stream that breaks", () => {
  it("joins its run again from the last step that it saw, ever more patiently", () => {
    RunStream.generate(request, listener);
    FakeSocket.last.open().emit(start(), step(0), step(1));
    FakeSocket.last.break();
    expect(steps()).toEqual([0, 1]);
    expect(states.at(-1)).toBe("lost");
    vi.advanceTimersByTime(499);
    expect(FakeSocket.all).toHaveLength(1);
    vi.advanceTimersByTime(1);
    FakeSocket.last.break();
    vi.advanceTimersByTime(999);
    expect(FakeSocket.all).toHaveLength(2);
    vi.advanceTimersByTime(1);
    FakeSocket.last.open();
    expect(FakeSocket.last.sent).toEqual([{ type: "watch", trace_id: TRACE_ID, from_step: 1 }]);
    FakeSocket.last.emit(start(), step(1), step(2), done());
    vi.advanceTimersByTime(50);
    expect(steps()).toEqual([0, 1, 1, 2]);
    expect(states.slice(-2)).toEqual(["lost", "open"]);
  });

  it("asks in a hurry again once it has held", () => {
    RunStream.watch(TRACE_ID, true, listener);
    for (let broken = 0; broken < 5; broken += 1) {
      FakeSocket.last.break();
      vi.advanceTimersByTime(10_000);
    }
    FakeSocket.last.open().emit(start());
    FakeSocket.last.break();
    const before = FakeSocket.all.length;
    vi.advanceTimersByTime(500);
    expect(FakeSocket.all).toHaveLength(before + 1);
  });

  it("joins at once where one asks for it", () => {
    const stream = RunStream.watch(TRACE_ID, true, listener);
    stream.retry();
    expect(FakeSocket.all).toHaveLength(1);
    FakeSocket.last.break();
    stream.retry();
    expect(FakeSocket.all).toHaveLength(2);
    vi.advanceTimersByTime(60_000);
    expect(FakeSocket.all).toHaveLength(2);
  });

  it("before anything named its run is a refusal", () => {
    RunStream.generate(request, listener);
    FakeSocket.last.break();
    expect(events).toMatchObject([{ type: "error", request: "generate" }]);
    vi.advanceTimersByTime(60_000);
    expect(FakeSocket.all).toHaveLength(1);
  });

  it("after its end stays closed", () => {
    RunStream.watch(TRACE_ID, true, listener);
    FakeSocket.last.open().emit(start(), done());
    FakeSocket.last.break();
    vi.advanceTimersByTime(60_000);
    expect(FakeSocket.all).toHaveLength(1);
    expect(states.at(-1)).toBe("closed");
  });
});

it("hands nothing on once it was closed", () => {
  const stream = RunStream.watch(TRACE_ID, true, listener);
  const socket = FakeSocket.last.open();
  socket.emit(start());
  stream.close();
  socket.emit(step(0));
  socket.break();
  vi.advanceTimersByTime(60_000);
  expect(events).toEqual([]);
  expect(FakeSocket.all).toHaveLength(1);
});

it("leaves out what it does not know", () => {
  RunStream.watch(TRACE_ID, true, listener);
  FakeSocket.last.open().emit({ type: "news" }, start());
  vi.advanceTimersByTime(50);
  expect(events.map(({ type }) => type)).toEqual(["start"]);
});
