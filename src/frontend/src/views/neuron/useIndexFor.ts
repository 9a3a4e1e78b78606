import { useIndexes } from "@/api/queries/indexes";
import type { IndexEntry } from "@/api/types";
import { useModelId, useParams } from "@/state/address";

/** Why the index that the address names does not answer. */
export type Unanswered = "gone" | "unusable" | "other model" | "no such units";

/**
 * The model's indexes that hold units of these points, and which of them answers: the one that the address names, else
 * the `preferred` one, which what is shown came from, else the newest.
 */
export function useIndexFor(points: readonly string[], preferred: string | null = null) {
  const modelId = useModelId();
  const asked = useParams().get("index");
  const indexes = useIndexes();
  const all = indexes.data?.indexes ?? [];
  const usable = all.filter(
    (one) => one.model_id === modelId && one.usable && points.every((point) => one.points.includes(point)),
  );
  const byId = (id: string | null) => usable.find((one) => one.index_id === id);
  const chosen = byId(asked) ?? byId(preferred) ?? usable[0] ?? null;
  return {
    indexes,
    usable,
    chosen,
    indexId: chosen?.index_id ?? null,
    // One that has just been built is in the address before it is in the list, which is then being asked for.
    unanswered:
      asked === null || byId(asked) || !indexes.isSuccess || indexes.isFetching
        ? null
        : whyNot(
            all.find((one) => one.index_id === asked),
            modelId,
          ),
  };
}

function whyNot(named: IndexEntry | undefined, modelId: string): Unanswered {
  if (!named) return "gone";
  if (named.model_id !== modelId) return "other model";
  return named.usable ? "no such units" : "unusable";
}
