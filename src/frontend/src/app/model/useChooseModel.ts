import { useCallback } from "react";
import { useLoadModel } from "@/api/queries/models";
import type { LoadRequest, ModelEntry } from "@/api/types";
import { useModelId, usePatch } from "@/state/address";
import { useSession } from "@/state/session";

/* What belongs to the model that is left, or to the precision that it is loaded in. The view and its options stay. */
const CLEARED = {
  trace: null,
  index: null,
  layoutJob: null,
  clusterJob: null,
  indexJob: null,
  precision: null,
  precisionJob: null,
  source: null,
  build: null,
};

/** How a model is to be loaded, where the choice is not left to the server. */
export type LoadWay = Omit<LoadRequest, "model_id">;

/** Switches the page to a model, loading it where need be; Explore then runs its prompt again. */
export function useChooseModel() {
  const current = useModelId();
  const patch = usePatch();
  const { setRerun, clearSelection, setCameFrom } = useSession();
  const { mutate } = useLoadModel();
  return useCallback(
    (modelId: string, entry: ModelEntry | undefined, way?: LoadWay) => {
      if (modelId !== current || way) {
        const push = modelId !== current;
        if (push) setCameFrom(current);
        patch({ ...CLEARED, model: modelId, load: null }, { push });
        clearSelection();
        setRerun(useSession.getState().prompt !== "");
      }
      if (!entry?.loaded || way) mutate({ model_id: modelId, ...way });
    },
    [current, patch, mutate, setRerun, clearSelection, setCameFrom],
  );
}
