/** Whose units a point has, in words; and how many a layer holds. */

import type { ModelCard } from "@/api/types";
import type { Unit } from "./address";

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

/** Why the model has no such unit, as its card tells; null where it may have it. */
export function noSuchUnit(card: ModelCard | undefined, { point, layer, index }: Unit): string | null {
  if (card === undefined) return null;
  const entry = card.points.find((one) => one.point === point);
  if (entry === undefined) return `There is no hook point “${point}”.`;
  if (entry.layers === null) return `“${point}” has no layers.`;
  if (layer >= card.layers) return `The model has ${card.layers} layers, 0 to ${card.layers - 1}.`;
  const units = unitCount(card, point);
  return units !== null && index >= units
    ? `A layer has ${units} units of ${point}, 0 to ${units - 1}.`
    : null;
}
