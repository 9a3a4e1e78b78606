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

/** Where a place of the corpus stands in the window around it, which was run again: its value there differs by roundings. */
export function placeOf(
  place: { tokens: readonly string[]; peak: number; activation: number },
  window: { tokens: readonly string[]; activations: readonly number[] },
): number | undefined {
  const token = place.tokens[place.peak];
  const before = place.peak > 0 ? place.tokens[place.peak - 1] : undefined;
  let best: number | undefined;
  let least = Number.POSITIVE_INFINITY;
  window.tokens.forEach((text, at) => {
    if (text !== token || (before !== undefined && window.tokens[at - 1] !== before)) return;
    const off = Math.abs((window.activations[at] ?? Number.POSITIVE_INFINITY) - place.activation);
    if (off < least) [best, least] = [at, off];
  });
  return best;
}
