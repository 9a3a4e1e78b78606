import { useIndexes } from "@/api/queries/indexes";
import { useModelId, useParams } from "@/state/address";

/** The model's indexes that hold units of these points, and which of them the address chooses: the newest by default. */
export function useIndexFor(points: readonly string[]) {
  const modelId = useModelId();
  const asked = useParams().get("index");
  const indexes = useIndexes();
  const all = indexes.data?.indexes ?? [];
  const usable = all.filter(
    (one) => one.model_id === modelId && one.usable && points.every((point) => one.points.includes(point)),
  );
  const chosen = usable.find((one) => one.index_id === asked) ?? usable[0] ?? null;
  // One that has just been built is in the address before it is in the list, which is then being asked for.
  const gone =
    asked !== null &&
    indexes.isSuccess &&
    !indexes.isFetching &&
    all.every(({ index_id }) => index_id !== asked);
  return { indexes, usable, chosen, indexId: chosen?.index_id ?? null, gone };
}
