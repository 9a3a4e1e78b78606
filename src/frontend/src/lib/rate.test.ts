import { describe, expect, it } from "vitest";
import { addLook, type Look, rateOf, secondsLeft } from "./rate";

const seen = (...pairs: [number, number][]) =>
  pairs.reduce<Look[]>((looks, [at, done]) => addLook(looks, { at, done }), []);

describe("the rate of a job", () => {
  it("is what moved over what passed", () => {
    expect(rateOf(seen([0, 100], [500, 200], [2000, 500]))).toBe(200);
  });

  it("is not told from too short a look, nor while nothing moves", () => {
    expect(rateOf(seen([0, 0]))).toBeNull();
    expect(rateOf(seen([0, 0], [400, 900]))).toBeNull();
    expect(rateOf(seen([0, 50], [3000, 50]))).toBeNull();
  });

  it("forgets what is long ago, so that a stalled download does not look quick", () => {
    expect(rateOf(seen([0, 0], [1000, 1000], [10_000, 1010], [12_000, 1030]))).toBe(10);
  });

  it("starts over with the next phase", () => {
    const looks = seen([0, 0], [2000, 900], [2500, 10], [4500, 210]);
    expect(looks).toHaveLength(2);
    expect(rateOf(looks)).toBe(100);
  });

  it("says how long it still takes", () => {
    expect(secondsLeft(200, 1000, 100)).toBe(8);
    expect(secondsLeft(200, null, 100)).toBeNull();
    expect(secondsLeft(200, 1000, null)).toBeNull();
    expect(secondsLeft(1001, 1000, 5)).toBe(0);
  });
});
