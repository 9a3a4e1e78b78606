/** Whose units a point has, in words; and how many a layer holds. */

import type { ModelCard } from "@/api/types";

export const NEURONS = "mlp_act";

const PLURAL: Record<string, string> = {
  [NEURONS]: "neurons",
  resid_post: "residual stream",
  head_norm: "heads",
};

/** What an index holds of a point: `neurons`, `heads`, or the point's own name. */
export const pointWord = (point: string) => PLURAL[point] ?? point;

/** What one unit of a point is called. */
export const unitWord = (point: string) =>
  point === NEURONS ? "Neuron" : point === "head_norm" ? "Head" : "Unit";

/** Units of a point in the widest layer; null where the card does not say. */
export function unitCount(card: ModelCard | undefined, point: string): number | null {
  const axis = card?.points.find((one) => one.point === point)?.axes.at(-1);
  if (card === undefined || axis === undefined) return null;
  const counts: Record<string, number | null> = { m: card.d_mlp, d: card.d_model, h: card.heads };
  return counts[axis] ?? null;
}
