import { useIndexes } from "@/api/queries/indexes";
import { useModelId, useParams } from "@/state/address";

/** The model's indexes that hold units of these points, and which of them the address chooses: the newest by default. */
export function useIndexFor(points: readonly string[]) {
  const modelId = useModelId();
  const asked = useParams().get("index");
  const indexes = useIndexes();
  const usable = (indexes.data?.indexes ?? []).filter(
    (one) => one.model_id === modelId && one.usable && points.every((point) => one.points.includes(point)),
  );
  const chosen = usable.find((one) => one.index_id === asked) ?? usable[0] ?? null;
  return { indexes, usable, chosen, indexId: chosen?.index_id ?? null };
}
