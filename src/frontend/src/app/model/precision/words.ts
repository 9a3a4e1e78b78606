/** What a comparison of two precisions says, in words. */

import type { PrecisionSummary } from "@/api/types";
import { formatBytes, formatPercent, formatValue } from "@/lib/format";
import { precisionWord } from "@/lib/precision";

type Layer = PrecisionSummary["layers"][number];

/** A correlation with its sign and enough digits to tell 0.999 from 1. */
export const showCorrelation = (value: number | null) =>
  value === null ? "–" : value.toFixed(3).replace("-", "−");

export const showSigned = (value: number | null, digits = 3) => {
  if (value === null) return "–";
  const text = Math.abs(value).toFixed(digits);
  return Number(text) === 0 ? text : `${value < 0 ? "−" : "+"}${text}`;
};

/** Layers from the one that changed most to the one that changed least; those of which nothing can be said come last. */
export function worstFirst(layers: readonly Layer[]): Layer[] {
  const rank = ({ median_correlation }: Layer) => median_correlation ?? 2;
  return [...layers].sort((a, b) => rank(a) - rank(b) || a.layer - b.layer);
}

export function memorySentence({ a, b, weight_bytes_a, weight_bytes_b }: PrecisionSummary): string {
  const share = weight_bytes_a > 0 ? weight_bytes_b / weight_bytes_a : 1;
  const change =
    Math.abs(share - 1) < 0.005
      ? "as much memory as"
      : share < 1
        ? `${formatPercent(share)} of the memory of`
        : `${share.toFixed(1)} times the memory of`;
  return `In ${precisionWord(b)} the weights take ${change} ${precisionWord(a)}: ${formatBytes(weight_bytes_b)} instead of ${formatBytes(weight_bytes_a)}.`;
}

export function lossSentence(summary: PrecisionSummary): string {
  const { loss_a, loss_b, same_next } = summary;
  const next = `It finds the same next token likeliest at ${formatPercent(same_next)} of the positions`;
  if (loss_a === null || loss_b === null) return `${next}.`;
  const change = loss_b - loss_a;
  const moved =
    Math.abs(change) < 0.0005
      ? `stays at ${formatValue(loss_a)} nats`
      : `${change > 0 ? "rises" : "falls"} from ${loss_a.toFixed(3)} to ${loss_b.toFixed(3)} nats a token`;
  return `${next}; the loss on the prompts ${moved}.`;
}

export function layerSentence(summary: PrecisionSummary): string {
  const ordered = worstFirst(summary.layers).filter((layer) => layer.median_correlation !== null);
  const [worst, best] = [ordered[0], ordered.at(-1)];
  if (!worst || !best) return "No neuron changes over these prompts, so none can be compared.";
  const low = `${formatPercent(worst.low_share)} of its neurons correlate below 0.9`;
  if (worst === best)
    return `Half of the neurons keep a correlation of ${showCorrelation(worst.median_correlation)} or more; ${low}.`;
  return `Layer ${worst.layer} changes most: half of its neurons keep a correlation of ${showCorrelation(worst.median_correlation)} or more, and ${low}. Layer ${best.layer} changes least, with ${showCorrelation(best.median_correlation)}.`;
}
