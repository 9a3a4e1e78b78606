/** Place of the largest signed value outside special tokens; -1 where there is none. */
export function peakPlace(values: readonly number[], special: readonly boolean[]): number {
  let best = -1;
  values.forEach((value, at) => {
    if (!special[at] && (best < 0 || value > (values[best] ?? 0))) best = at;
  });
  return best;
}

/** Largest size outside special tokens: where the colour is full. */
export function reachOf(values: readonly number[], special: readonly boolean[]): number {
  return values.reduce((reach, value, at) => (special[at] ? reach : Math.max(reach, Math.abs(value))), 0);
}
