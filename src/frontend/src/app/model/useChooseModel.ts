import { useCallback } from "react";
import { useLoadModel } from "@/api/queries/models";
import type { ModelEntry } from "@/api/types";
import { useModelId, usePatch } from "@/state/address";
import { useSession } from "@/state/session";

/* What belongs to the model that is left. The view and its options stay. */
const CLEARED = {
  trace: null,
  index: null,
  layoutJob: null,
  clusterJob: null,
  indexJob: null,
  source: null,
  build: null,
};

/** Switches the page to a model, loading it where need be; Explore then runs its prompt again. */
export function useChooseModel() {
  const current = useModelId();
  const patch = usePatch();
  const { setRerun, clearSelection } = useSession();
  const { mutate } = useLoadModel();
  return useCallback(
    (modelId: string, entry: ModelEntry | undefined) => {
      if (modelId !== current) {
        patch({ ...CLEARED, model: modelId }, { push: true });
        clearSelection();
        setRerun(useSession.getState().prompt !== "");
      }
      if (!entry?.loaded) mutate({ model_id: modelId });
    },
    [current, patch, mutate, setRerun, clearSelection],
  );
}
