import { describe, expect, it } from "vitest";
import { start, step } from "../testing/live";
import type { StepEvent } from "./liveEvents";
import { noRun, withEvents } from "./run";
import { statScale } from "./statScale";

const ADDRESSES = ["mlp_act.0", "mlp_act.1"];

/** A step whose L2 norms at every point are `sizes[layer]`. */
function sized(number: number, sizes: readonly number[], part: Partial<StepEvent> = {}): StepEvent {
  const whole = step(number, part);
  const entries = whole.entries.map((entry) => ({
    ...entry,
    stats: { ...entry.stats, l2: sizes[Number(entry.address.split(".")[1])] ?? 0 },
  }));
  return { ...whole, entries };
}

const run = (...steps: readonly StepEvent[]) => withEvents(noRun(), [start(), ...steps]);
/** Steps 1 … of which each holds `layer + 1` times its size. */
const decoded = (sizes: readonly number[]) =>
  run(step(0), ...sizes.map((size, at) => sized(at + 1, [size, 2 * size])));

describe("the scale of a statistic", () => {
  it("runs from zero over all steps of its phase, and no other's", () => {
    expect(statScale(run(step(0), step(1), step(2)), "decode", ADDRESSES, "l2")).toEqual({
      min: 0,
      max: 22,
      signed: false,
      clipped: false,
    });
    expect(statScale(run(step(0), step(1)), "prefill", ADDRESSES, "l2").max).toBe(2);
  });

  it("runs to both sides where one value is negative", () => {
    const found = statScale(run(step(0), step(1)), "decode", ADDRESSES, "min");
    expect(found).toEqual({ min: -2, max: 2, signed: true, clipped: false });
  });

  it("is not set by one step far out, in a short run either", () => {
    expect(statScale(decoded([1, 2, 500, 3, 4]), "decode", ADDRESSES, "l2")).toMatchObject({
      max: 8,
      clipped: true,
    });
  });

  it("is full at the 99th percentile of a long run", () => {
    const sizes = Array.from({ length: 400 }, (_, at) => at + 1);
    const all = sizes.flatMap((size) => [size, 2 * size]).sort((a, b) => a - b);
    const found = statScale(decoded(sizes), "decode", ADDRESSES, "l2");
    expect(found.max).toBe(all[Math.floor(0.99 * (all.length - 1))]);
  });

  it("leaves out steps that read special tokens alone, unless there are no others", () => {
    const mark = { inputs: [{ id: 1, text: "<s>", special: true }] };
    const marked = run(step(0), sized(1, [900, 900], mark), step(2), step(3));
    expect(statScale(marked, "decode", ADDRESSES, "l2").max).toBe(32);
    expect(statScale(run(step(0), sized(1, [900, 900], mark)), "decode", ADDRESSES, "l2").max).toBe(900);
  });

  it("takes no account of what is not finite, and is never empty", () => {
    const wild = run(step(0), sized(1, [Number.POSITIVE_INFINITY, Number.NaN]), step(2));
    expect(statScale(wild, "decode", ADDRESSES, "l2").max).toBe(22);
    expect(statScale(noRun(), "decode", ADDRESSES, "l2")).toEqual({
      min: 0,
      max: 1,
      signed: false,
      clipped: false,
    });
  });
});
