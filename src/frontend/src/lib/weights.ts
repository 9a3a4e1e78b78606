/** Words and shapes for a model's weights. */

import type { PartWeights } from "@/api/types";

const WORDS: Record<string, string> = {
  q: "queries",
  k: "keys",
  v: "values",
  qkv: "q, k, v",
  attn_out: "attention out",
  mlp_in: "MLP in",
  gate: "MLP gate",
  up: "MLP up",
  gate_up: "MLP gate and up",
  mlp_out: "MLP out",
};

export const partWord = (part: string) => WORDS[part] ?? part.replaceAll("_", " ");

/** A filled outline of the counts; the widest of the histograms that share the axis reaches from edge to edge. */
export function histogramPath(
  part: Pick<PartWeights, "low" | "high" | "counts">,
  reach: number,
  width: number,
  height: number,
): string {
  const most = Math.max(1, ...part.counts);
  const x = (value: number) => ((value + reach) / (2 * reach)) * width;
  const step = (part.high - part.low) / part.counts.length;
  const tops = part.counts.map((count, at) => {
    const top = height - (count / most) * (height - 3);
    return `V${round(top)}H${round(x(part.low + (at + 1) * step))}`;
  });
  return `M${round(x(part.low))} ${height}${tops.join("")}V${height}Z`;
}

const round = (value: number) => Math.round(value * 100) / 100;
