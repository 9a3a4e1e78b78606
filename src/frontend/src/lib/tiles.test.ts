import { describe, expect, it } from "vitest";
import type { Tile } from "./payloads";
import { rowsOf, tileScale, tileWords, unitsOfCell } from "./tiles";

const tile = (values: number[], made: Tile["made"] = { by: "order", run: 1 }): Tile => ({
  height: 1,
  width: values.length,
  filled: values.length,
  values: Float32Array.from(values),
  made,
});

describe("the colours of a tile", () => {
  it("are full at the 99th percentile of the sizes, empty cells aside", () => {
    const sizes = Array.from({ length: 200 }, (_, at) => (at % 2 ? -1 : 1) * (at + 1));
    expect(tileScale(tile([...sizes, Number.NaN]))).toEqual({ reach: 198, clipped: true });
  });

  it("are never without reach", () => {
    expect(tileScale(tile([0, 0]))).toEqual({ reach: 1, clipped: false });
    expect(tileScale(tile([0, 0, -3]))).toEqual({ reach: 3, clipped: false });
    expect(tileScale(tile([Number.NaN]))).toEqual({ reach: 1, clipped: false });
  });
});

it("leaves out rows that hold nothing", () => {
  const [height, width] = [32, 32];
  const image = { ...tile([]), height, width };
  expect([0, 1, 448, 449, 1024].map((filled) => rowsOf({ ...image, filled }))).toEqual([1, 1, 14, 15, 32]);
});

describe("a tile in words", () => {
  it("names the units of a cell", () => {
    expect(unitsOfCell(tile([1, 2]), 1)).toBe("unit 1");
    expect(unitsOfCell(tile([1, 2], { by: "order", run: 4 }), 1)).toBe("units 4 to 7");
    expect(unitsOfCell(tile([1, 2], { by: "pca", reference: "x_1" }), 1)).toBe("component 2");
    expect(unitsOfCell(tile([1, 2], { by: "random", seed: 0 }), 1)).toBe("projection 2");
  });

  it("says how it was made", () => {
    expect(tileWords(tile([1, 2]))).toMatch(/^In order: each cell is one unit, row by row, 2 to a row/);
    expect(tileWords(tile([1], { by: "order", run: 4 }))).toMatch(/mean of 4 neighbouring units/);
    expect(tileWords(tile([1], { by: "random", seed: 7 }))).toMatch(/^At random.*seed 7/);
    expect(tileWords(tile([1], { by: "pca", reference: "x_1" }))).toMatch(/^By PCA.*index x_1/);
  });
});
