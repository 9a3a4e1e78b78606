import { describe, expect, it } from "vitest";
import { axisMarks, barsOf, decades, density } from "./spread";

const EDGES = [-4, -2, -1, -0.001, 0.001, 1, 2, 4];
const spread = (counts: number[]) => ({ edges: EDGES, counts, tokens: counts.reduce((a, b) => a + b, 0) });

describe("the bars of a histogram", () => {
  it("cover the unit's own range, and hold every count", () => {
    const found = barsOf(spread([0, 0, 3, 10, 50, 20, 5, 2, 0]), -1.5, 3);
    expect(found?.bars[0]?.from).toBe(-1.5);
    expect(found?.bars.at(-1)?.to).toBe(3);
    expect(found?.bars.reduce((sum, bar) => sum + bar.count, 0)).toBe(90);
    for (const [at, bar] of (found?.bars ?? []).entries())
      if (at > 0) expect(bar.from).toBe(found?.bars[at - 1]?.to);
  });

  it("join bins that are too narrow to see with what follows", () => {
    const found = barsOf(spread([0, 0, 3, 10, 50, 20, 5, 2, 0]), -1.5, 3);
    expect(found?.bars.map((bar) => bar.count)).toEqual([3, 10, 70, 5, 2]);
    expect(found?.bars[2]).toMatchObject({ from: -0.001, to: 1 });
  });

  it("end at the extremes where the outermost bins have no edge", () => {
    const found = barsOf(spread([1, 0, 0, 0, 0, 0, 0, 0, 1]), -9, 9);
    expect(found?.bars[0]).toEqual({ from: -9, to: -4, count: 1 });
    expect(found?.bars.at(-1)).toEqual({ from: 4, to: 9, count: 1 });
  });

  it("keep a value that lies on the edge of its bin", () => {
    const found = barsOf(spread([0, 0, 0, 0, 7, 0, 0, 0, 0]), 0, 0.5);
    expect(found?.bars.reduce((sum, bar) => sum + bar.count, 0)).toBe(7);
    expect(barsOf(spread([0, 0, 0, 0, 0, 0, 0, 0, 4]), 2, 4)?.bars.at(-1)).toMatchObject({ to: 4, count: 4 });
  });

  it("are none where the unit never varies", () => {
    expect(barsOf(spread([0, 0, 0, 0, 9, 0, 0, 0, 0]), 0, 0)).toBeNull();
    expect(barsOf(spread([0, 0, 0, 0, 9, 0, 0, 0, 0]), Number.NaN, 1)).toBeNull();
  });
});

it("counts tokens over one width for bars of all widths", () => {
  expect(density({ from: 0, to: 2, count: 10 }, 0.5)).toBe(2.5);
  expect(density({ from: 1, to: 1, count: 3 }, 0.5)).toBe(3);
});

it("marks powers of ten around the heights", () => {
  expect(decades([0, 3, 2000])).toEqual({ low: 0, high: 4, marks: [1, 10, 100, 1000, 10_000] });
  expect(decades([0.02, 90_000]).low).toBe(-2);
  expect(decades([0.02, 90_000]).marks.length).toBeLessThanOrEqual(5);
  expect(decades([])).toMatchObject({ low: 0, high: 1 });
});

it.each([
  ["in the middle", -1, 1.7, [-1, 0, 1.7]],
  ["beside the lower end", -0.25, 1.7, [-0.25, 1.7]],
  ["beside the upper end", -12, 0.2, [-12, 0.2]],
  ["at an end or outside", 0, 3, [0, 3]],
])("labels zero %s of an axis only where it has room", (_where, low, high, marks) =>
  expect(axisMarks(low, high, 240)).toEqual(marks),
);
