/** From activations to what the heatmap draws: range without special tokens, logarithm, clipping. */

export interface ScaleOptions {
  log: boolean;
  /** Percentile (50 … 100) of |value| at which the colour is full; 100 is the largest value. */
  clip: number;
}

export interface Scaled {
  /** Null where a value is not finite: a gap in the picture. */
  z: (number | null)[][];
  min: number;
  max: number;
  signed: boolean;
  /** Reach in activations, before the logarithm. */
  reach: number;
  /** Whether some values lie beyond the reach, special tokens aside. */
  clipped: boolean;
}

export function percentile(sorted: readonly number[], percent: number): number {
  if (sorted.length === 0) return 0;
  const place = (Math.max(0, Math.min(100, percent)) / 100) * (sorted.length - 1);
  const low = sorted[Math.floor(place)] ?? 0;
  const high = sorted[Math.ceil(place)] ?? low;
  return low + (high - low) * (place - Math.floor(place));
}

/* Symmetric logarithm: linear below `knee`, so that zero and small values of either sign stay apart. */
function symlog(value: number, knee: number): number {
  return Math.sign(value) * Math.log10(1 + Math.abs(value) / knee);
}

/** `special[token]` columns are drawn, but the range is taken from the others. */
export function scaleValues(
  values: readonly (readonly number[])[],
  special: readonly boolean[],
  options: ScaleOptions,
): Scaled {
  const kept: number[] = [];
  let signed = false;
  for (const row of values) {
    row.forEach((value, token) => {
      if (special[token] || !Number.isFinite(value)) return;
      kept.push(Math.abs(value));
      if (value < 0) signed = true;
    });
  }
  if (kept.length === 0)
    for (const row of values) for (const value of row) if (Number.isFinite(value)) kept.push(Math.abs(value));
  kept.sort((a, b) => a - b);
  const reach = percentile(kept, options.clip) || kept.at(-1) || 1;
  const knee = reach / 100;
  const draw = (value: number) => (options.log ? symlog(value, knee) : value);
  const top = draw(reach);
  return {
    z: values.map((row) => row.map((value) => (Number.isFinite(value) ? draw(value) : null))),
    min: signed ? -top : 0,
    max: top,
    signed,
    reach,
    clipped: (kept.at(-1) ?? 0) > reach,
  };
}

/** Marks for the colour bar in activations, placed where the (possibly logarithmic) scale puts them. */
export function colourBarTicks(scaled: Scaled, log: boolean): { at: number[]; labels: number[] } {
  const steps = log ? [0.01, 0.1, 1] : [0.5, 1];
  const marks = steps.map((share) => share * scaled.reach);
  const labels = scaled.signed ? [...marks.map((mark) => -mark).reverse(), 0, ...marks] : [0, ...marks];
  return { at: labels.map((mark) => (log ? symlog(mark, scaled.reach / 100) : mark)), labels };
}
