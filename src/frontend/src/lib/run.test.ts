import { describe, expect, it } from "vitest";
import { done, receipt, start, step } from "../testing/live";
import { type Change, type LiveEvent, readEvent } from "./liveEvents";
import {
  ended,
  endWords,
  inForceAt,
  isLive,
  isMark,
  layersOf,
  noRun,
  probabilityOf,
  promptText,
  saidBy,
  statOf,
  tokenAt,
  whyNoChance,
  withEvents,
} from "./run";

const run = (...events: LiveEvent[]) => withEvents(noRun(), events);
const boost: Change = { id: "boost", units: ["mlp_act.0:1"], op: "scale", value: 2 };

describe("a run", () => {
  it("waits, begins, goes on and ends", () => {
    const waiting = run({ type: "queued", trace_id: "t_1", position: 2 });
    expect([waiting.traceId, waiting.queued, isLive(waiting)]).toEqual(["t_1", 2, true]);
    const begun = withEvents(waiting, [start({ trace_id: "t_1" }), step(0), step(1)]);
    expect([begun.queued, begun.steps.length, isLive(begun)]).toEqual([null, 2, true]);
    const over = withEvents(begun, [done("eos")]);
    expect([over.end?.type, isLive(over)]).toEqual(["done", false]);
    expect(begun.end).toBeNull();
  });

  it("is the same where parts of its stream came twice", () => {
    const once = run(start(), step(0), step(1), receipt(1, [boost], true), step(2), done());
    const twice = withEvents(once, [start(), step(1), receipt(1, [boost], true), step(2), done()]);
    expect(twice).toEqual(once);
  });

  it("never takes a step that would leave a hole", () => {
    expect(run(start(), step(0), step(2)).steps).toHaveLength(1);
    expect(run(step(0)).steps).toHaveLength(0);
  });

  it("says which steps are lost, and goes on behind them", () => {
    const gap = {
      type: "gap",
      from_step: 1,
      to_step: 2,
      message: "Steps 1 to 2 were not recorded.",
      hint: "",
    };
    const found = run(start(), step(0), gap as LiveEvent, step(3));
    expect(found.steps.map(({ lost }) => lost !== null)).toEqual([false, true, true, false]);
    expect(found.steps[2]?.pos0).toBe(step(2).pos0);
    expect(statOf(found, found.steps[1] as never, "mlp_act.0", "l2")).toBeNull();
  });

  it("may end in an error", () => {
    const error = { type: "error", request: null, code: "x", message: "It broke.", hint: "" } as const;
    expect(isLive(ended(run(start(), step(0)), error))).toBe(false);
  });
});

describe("statistics", () => {
  const found = run(start(), step(0), step(1), step(3 - 1));

  it("are those of the step, by address", () => {
    expect(statOf(found, found.steps[2] as never, "mlp_act.1", "l2")).toBe(22);
    expect(statOf(found, found.steps[2] as never, "mlp_act.7", "l2")).toBeNull();
    expect(statOf(found, found.steps[2] as never, "attn_weights.0", "l2")).toBeNull();
  });
});

describe("tokens", () => {
  const found = run(start(), step(0), step(1), step(2, { token: "<end>" }), done("eos"));

  it("stand at their positions, of the prompt and of the run", () => {
    expect([0, 2, 3, 4, 9].map((at) => tokenAt(found, at))).toEqual(["<s>", " there", "Once", " upon", null]);
  });

  it("that mark the end are not said", () => {
    expect(found.steps.map((one) => isMark(found, one))).toEqual([false, false, true]);
    expect(saidBy(found)).toBe("Once upon");
    expect(promptText(found)).toBe("Hi there");
  });

  it("that mark something on the way are told by the next step", () => {
    const inputs = [{ id: 10, text: "Once", special: true }];
    expect(saidBy(run(start(), step(0), step(1, { inputs })))).toBe(" upon");
  });

  it("have the probability that the model gave them", () => {
    expect(probabilityOf({ logprob: Math.log(0.25) })).toBeCloseTo(0.25);
    expect(probabilityOf({ logprob: null })).toBeNull();
    expect(probabilityOf({ logprob: Number.NaN })).toBeNull();
  });
});

describe("the end of a run", () => {
  const settings = { max_new_tokens: 3 };
  const words = (...events: LiveEvent[]) => endWords(run(start({ settings }), ...events));

  it("is told with the limit that it came to", () => {
    expect(words(step(0), step(1), step(2), done("length"))).toBe(
      "It came to the most tokens that were asked for: 3.",
    );
    // Three tokens of the prompt and one that was given back are all that this model reads.
    expect(words(step(0), step(1), done("length"))).toBe(
      "The model's context is full: it reads at most 4 tokens.",
    );
  });

  it("is the model's own, or somebody's", () => {
    expect(words(step(0), done("eos"))).toBe("The model ended its answer.");
    expect(endWords(run(start({ settings: { stop: ["."] } }), step(0), done("eos")))).toMatch(/stop tokens/);
    expect(words(step(0), done("stopped"))).toBe("Stopped before its end.");
    expect(words(step(0))).toBe("");
  });

  it("of a prompt alone is none", () => {
    expect(words(step(0, { token: null }), done("length"))).toMatch(/Nothing was generated/);
  });
});

it("knows what was in force at each step", () => {
  const settings = { interventions: [boost] };
  const found = run(
    start({ settings }),
    step(0),
    receipt(0, [boost], true),
    step(1),
    receipt(1, [boost]),
    step(2),
    receipt(2, [], true),
  );
  expect([0, 1, 2, 9].map((at) => inForceAt(found, at).length)).toEqual([1, 1, 0, 0]);
});

it("has the layers that its points name", () => {
  expect(layersOf(run(start({ points: ["embed", "mlp_act.10", "mlp_act.2"] })))).toEqual([2, 10]);
});

describe("a message", () => {
  it("is an event where it holds what its kind must", () => {
    expect(readEvent({ ...step(1), top: undefined })).not.toBeNull();
    expect(readEvent({ type: "error", message: "No." })).toMatchObject({ request: null, hint: "" });
    expect(readEvent({ type: "done", reason: "eos" })).toMatchObject({ unfired: [] });
  });

  it.each([
    null,
    7,
    {},
    { type: "news" },
    { type: "toString" },
    { type: "step", step: 1 },
    { type: "start", trace_id: 3 },
    { type: "queued", trace_id: "t", position: Number.NaN },
  ])("%j is none", (message) => expect(readEvent(message)).toBeNull());
});

it("tells why a step has no probability", () => {
  const { steps } = run(
    start(),
    step(0),
    step(1, { logprob: null }),
    step(2, { token: null, logprob: null }),
  );
  expect(steps.map(whyNoChance)).toEqual([
    null,
    "The model’s server does not tell how likely this token was.",
    "It gave no token.",
  ]);
});
