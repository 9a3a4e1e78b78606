import { describe, expect, it } from "vitest";
import { colourBarTicks, percentile, scaleValues } from "./heatmapScale";

const values = [
  [100, 1, -2],
  [-90, 0.5, 0.25],
];
const special = [true, false, false];

describe("the colour range", () => {
  it("leaves special tokens out but draws them", () => {
    const scaled = scaleValues(values, special, { log: false, clip: 100 });
    expect([scaled.min, scaled.max]).toEqual([-2, 2]);
    expect(scaled.z[0]?.[0]).toBe(100);
  });

  it("is centred at zero where values are signed, and starts there where they are not", () => {
    expect(scaleValues([[0, 3, 1]], [false, false, false], { log: false, clip: 100 })).toMatchObject({
      min: 0,
      max: 3,
      signed: false,
    });
  });

  it("can be clipped at a percentile of the sizes", () => {
    const row = Array.from({ length: 101 }, (_, at) => at);
    expect(
      scaleValues(
        [row],
        row.map(() => false),
        { log: false, clip: 95 },
      ).max,
    ).toBe(95);
  });

  it("keeps signs and order under the logarithm", () => {
    const { z, max, min } = scaleValues(values, special, { log: true, clip: 100 });
    const [, one = 0, minusTwo = 0] = z[0] ?? [];
    const half = z[1]?.[1] ?? 0;
    expect(minusTwo).toBeCloseTo(min);
    expect(half).toBeGreaterThan(0);
    expect(one).toBeGreaterThan(half);
    expect(one).toBeLessThan(max);
  });

  it("holds for nothing but zeros, nothing but special tokens, and nothing", () => {
    expect(scaleValues([[0, 0]], [false, false], { log: true, clip: 100 }).max).toBeGreaterThan(0);
    expect(scaleValues([[5]], [true], { log: false, clip: 100 }).max).toBe(5);
    expect(scaleValues([], [], { log: false, clip: 100 }).max).toBe(1);
    expect(scaleValues([[Number.NaN, 1]], [false, false], { log: false, clip: 100 }).max).toBe(1);
  });
});

it("marks the colour bar in activations, also where it is logarithmic", () => {
  const scaled = scaleValues(values, special, { log: true, clip: 100 });
  const { at, labels } = colourBarTicks(scaled, true);
  expect(labels).toEqual([-2, -0.2, -0.02, 0, 0.02, 0.2, 2]);
  expect(at[0]).toBeCloseTo(scaled.min);
  expect(at.at(-1)).toBeCloseTo(scaled.max);
});

it("interpolates percentiles", () => {
  expect(percentile([1, 2, 3, 4], 50)).toBe(2.5);
  expect(percentile([], 50)).toBe(0);
});
