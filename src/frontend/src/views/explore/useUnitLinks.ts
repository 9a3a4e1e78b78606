import { holding, useIndexes } from "@/api/queries/indexes";
import { parseUnit } from "@/lib/address";
import { NEURONS } from "@/lib/points";
import { useModelId, useNeuronHref } from "@/state/address";
import { useScatterOptions } from "./scatterOptions";

/**
 * The way to a unit's page, over the index that the scatter is of; null for a unit of a point that no index of the model
 * holds. A neuron's page offers to build one, and reads one's own text without.
 */
export function useUnitLinks(): (unit: string) => string | null {
  const modelId = useModelId();
  const { source } = useScatterOptions();
  const indexes = useIndexes().data?.indexes;
  const over = indexes?.some(({ index_id }) => index_id === source) ? source : null;
  const href = useNeuronHref(over);
  return (unit) => {
    const point = parseUnit(unit)?.point;
    if (point === undefined) return null;
    return point === NEURONS || holding(indexes, modelId, point).length > 0 ? href(unit) : null;
  };
}
