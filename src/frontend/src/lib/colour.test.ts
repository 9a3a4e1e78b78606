import { describe, expect, it } from "vitest";
import {
  chipColour,
  colourScale,
  contrast,
  groupStyle,
  inkOn,
  parseHex,
  type Rgb,
  sampleScale,
  type Theme,
} from "./colour";

const THEMES: Theme[] = ["dark", "light"];
const luminance = ([red, green, blue]: Rgb) => red + green + blue;

describe.each(THEMES)("the diverging scale, %s", (theme) => {
  it("has an odd number of stops, with zero on the one nearest to the page's ground", () => {
    const stops = colourScale(true, theme).map(([, colour]) => luminance(parseHex(colour)));
    const middle = (stops.length - 1) / 2;
    expect(Number.isInteger(middle)).toBe(true);
    const best = theme === "dark" ? Math.min(...stops) : Math.max(...stops);
    expect(Math.abs((stops[middle] ?? 0) - best)).toBeLessThan(25);
  });

  it("tells signs apart: blue below zero, red above", () => {
    const [red, , blue] = sampleScale(0.2, true, theme);
    expect(blue).toBeGreaterThan(red);
    const [warm, , cold] = sampleScale(0.8, true, theme);
    expect(warm).toBeGreaterThan(cold);
  });
});

it("keeps to the ends outside the range and for what is no number", () => {
  expect(sampleScale(5, false, "dark")).toEqual(sampleScale(1, false, "dark"));
  expect(sampleScale(-5, false, "dark")).toEqual(sampleScale(0, false, "dark"));
  expect(sampleScale(Number.NaN, false, "dark")).toEqual(sampleScale(0, false, "dark"));
});

describe.each(THEMES)("token chips, %s", (theme) => {
  it("can always be read", () => {
    for (let share = -1; share <= 1; share += 0.05) {
      const ground = chipColour(share, 1, theme);
      expect(contrast(ground, parseHex(inkOn(ground)))).toBeGreaterThanOrEqual(4.5);
    }
  });

  it("grow stronger with the value and stop at the reach", () => {
    const zero = chipColour(0, 2, theme);
    expect(chipColour(1, 2, theme)).not.toEqual(zero);
    expect(chipColour(9, 2, theme)).toEqual(chipColour(2, 2, theme));
    expect(chipColour(1, 0, theme)).toEqual(zero);
  });
});

it("gives groups beyond the palette another symbol", () => {
  const first = groupStyle(0);
  const again = groupStyle(12);
  expect(again.colour).toBe(first.colour);
  expect(again.symbol).not.toBe(first.symbol);
});
