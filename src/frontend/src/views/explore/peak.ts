import type { Token } from "@/api/types";

/** The largest signed value outside special tokens, and the token it stands on; NaN where none is finite. */
export function peakOf(
  values: readonly number[],
  tokens: readonly Token[],
): { token: string; value: number } {
  let best = -1;
  values.forEach((value, at) => {
    if (tokens[at]?.special || !Number.isFinite(value)) return;
    if (best < 0 || value > (values[best] ?? Number.NEGATIVE_INFINITY)) best = at;
  });
  const at = Math.max(best, 0);
  const value = values[at] ?? Number.NaN;
  return { token: tokens[at]?.text ?? "", value };
}
