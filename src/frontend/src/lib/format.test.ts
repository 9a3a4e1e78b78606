import { describe, expect, it } from "vitest";
import {
  formatAgo,
  formatBytes,
  formatCount,
  formatDuration,
  formatExact,
  formatMark,
  formatPercent,
  formatValue,
} from "./format";

it.each([
  [0, "0 B"],
  [999, "999 B"],
  [1500, "1.5 kB"],
  [435_000_000, "435 MB"],
  [null, "–"],
])("bytes %s → %s", (bytes, text) => expect(formatBytes(bytes)).toBe(text));

it.each([
  [512, "512"],
  [9999, "9,999"],
  [28_400, "28k"],
  [3_900_000, "3.9M"],
  [124_000_000, "124M"],
  [7.2e9, "7.2B"],
])("count %s → %s", (count, text) => expect(formatCount(count)).toBe(text));

it.each([
  [0, "0"],
  [2.4783, "2.478"],
  [-3.18, "−3.180"],
  [-0.000371, "−3.71e−4"],
  [123_456, "1.23e5"],
  [Number.NaN, "NaN"],
])("value %s → %s", (value, text) => expect(formatValue(value)).toBe(text));

it("says in words what the server had no number for", () => {
  for (const show of [formatValue, formatExact, formatPercent]) expect(show(null)).toBe("not finite");
});

it.each([
  [0, "0"],
  [1.6495, "1.6"],
  [-0.03213, "−0.032"],
  [123.4, "120"],
  [12_345, "1e4"],
])("mark %s → %s", (value, text) => expect(formatMark(value)).toBe(text));

it.each([0.6766752004623413, -16_777_217, 1e-40, 3.4028234663852886e38, 0, 1 / 3].map(Math.fround))(
  "names the float32 %s in full, without the digits of the double that carries it",
  (value) => {
    const text = formatExact(value);
    expect(Math.fround(Number(text))).toBe(value);
    expect(text.length).toBeLessThanOrEqual(16);
  },
);

it.each([
  [0, "0 %"],
  [0.0004, "< 0.1 %"],
  [0.684, "68.4 %"],
  [1, "100 %"],
])("share %s → %s", (share, text) => expect(formatPercent(share)).toBe(text));

describe("ages", () => {
  const now = Date.parse("2026-01-01T12:00:00Z");
  it.each([
    ["2026-01-01T11:59:50Z", "just now"],
    ["2026-01-01T11:30:00Z", "30 min ago"],
    ["2026-01-01T07:00:00Z", "5 h ago"],
    ["nonsense", ""],
  ])("%s → %s", (iso, text) => expect(formatAgo(iso, now)).toBe(text));
});

it.each([
  [0.2, "a moment"],
  [42, "42 s"],
  [89, "89 s"],
  [150, "3 min"],
  [3600, "1 h"],
  [5000, "1 h 23 min"],
  [7190, "2 h"],
])("%s seconds → %s", (seconds, text) => expect(formatDuration(seconds)).toBe(text));
