import { describe, expect, it } from "vitest";
import { histogramPath, partWord } from "./weights";

describe("a histogram", () => {
  it("reaches from edge to edge only where it is the widest of its axis", () => {
    const part = { low: -1, high: 1, counts: [1, 2] };
    expect(histogramPath(part, 1, 100, 23)).toBe("M0 23V13H50V3H100V23Z");
    expect(histogramPath(part, 2, 100, 23)).toBe("M25 23V13H50V3H75V23Z");
  });

  it("is flat where there is nothing", () => {
    expect(histogramPath({ low: -1, high: 1, counts: [0] }, 1, 10, 8)).toBe("M0 8V8H10V8Z");
  });
});

it("names the parts in words, unknown ones by themselves", () => {
  expect(partWord("gate_up")).toBe("MLP gate and up");
  expect(partWord("experts down_proj")).toBe("experts down proj");
});
