/** A unit's histogram as it is drawn: bars over its own range, as wide as an eye can tell apart. */

import type { Spread } from "@/api/types";
import { formatMark } from "./format";

export interface Bar {
  from: number;
  to: number;
  count: number;
}

export interface Bars {
  bars: Bar[];
  low: number;
  high: number;
  /** Width that heights are counted over: the narrowest bar's. */
  step: number;
}

/** At most so many bars side by side. */
const MOST = 72;

/**
 * The counts between the unit's lowest and highest value, ascending. The server's bins are a quarter of a doubling wide, so
 * that those near zero are narrower than a pixel: neighbours are joined until none is. Null where the unit never varies.
 */
export function barsOf(spread: Spread, min: number, max: number): Bars | null {
  if (!(max > min)) return null;
  const step = (max - min) / MOST;
  const bars: Bar[] = [];
  let open: Bar | null = null;
  spread.counts.forEach((count, at) => {
    // The outermost bins have no outer edge; no value lies beyond the extremes.
    const from = Math.max(min, spread.edges[at - 1] ?? Number.NEGATIVE_INFINITY);
    const to = Math.min(max, spread.edges[at] ?? Number.POSITIVE_INFINITY);
    // A bin that ends where the range begins may hold that very value.
    if (to < from) return;
    open = open === null ? { from, to, count } : { from: open.from, to, count: open.count + count };
    if (open.to - open.from >= step) {
      bars.push(open);
      open = null;
    }
  });
  const rest: Bar | null = open;
  const last = bars.at(-1);
  if (rest !== null && last) bars[bars.length - 1] = join(last, rest);
  else if (rest !== null) bars.push(rest);
  return { bars, low: min, high: max, step };
}

const join = (a: Bar, b: Bar): Bar => ({ from: a.from, to: b.to, count: a.count + b.count });

/** Tokens for each `step` of activation: what makes bars of different widths comparable. */
export const density = (bar: Bar, step: number) => (bar.count * step) / (bar.to - bar.from || step);

/** Marks of a scale of powers of ten from below the smallest to above the largest height. */
export function decades(heights: readonly number[]): { low: number; high: number; marks: number[] } {
  const there = heights.filter((height) => height > 0);
  const low = Math.floor(Math.log10(Math.min(...there, 1)) + 1e-9);
  const high = Math.max(low + 1, Math.ceil(Math.log10(Math.max(...there, 1)) - 1e-9));
  const every = Math.ceil((high - low) / 4);
  const marks: number[] = [];
  for (let power = low; power <= high; power += every) marks.push(10 ** power);
  return { low, high, marks };
}

/** More than any digit of an axis's labels takes, px. */
const DIGIT = 6.5;

const labelWidth = (value: number) => formatMark(value).length * DIGIT;

/** What is written below an axis `width` px wide: its ends, inside it, and zero at its place, unless it would touch one. */
export function axisMarks(low: number, high: number, width: number): number[] {
  const zero = (-low / (high - low)) * width;
  const room = labelWidth(0);
  const fits = zero - room > labelWidth(low) && zero + room < width - labelWidth(high);
  return fits ? [low, 0, high] : [low, high];
}
