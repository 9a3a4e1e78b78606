/** The page's state lives in its address; these hooks read it and change it. */

import { useCallback, useMemo } from "react";
import { useLocation, useNavigate } from "react-router";
import { BUNDLED_MODEL } from "@/api/queries/models";
import type { Group } from "@/api/types";
import { type Patch, patchSearch } from "@/lib/url";

export function useParams(): URLSearchParams {
  const { search } = useLocation();
  return useMemo(() => new URLSearchParams(search), [search]);
}

export type Patcher = (patch: Patch, how?: { push?: boolean; path?: string }) => void;

/** Changes some keys and keeps the others. `push` for steps that Back should undo. */
export function usePatch(): Patcher {
  const navigate = useNavigate();
  return useCallback(
    (patch, how = {}) => {
      // Read at the time of the call: two changes in one tick must not undo each other.
      const { pathname, search } = window.location;
      navigate(
        { pathname: how.path ?? pathname, search: patchSearch(search, patch) },
        { replace: !how.push },
      );
    },
    [navigate],
  );
}

export const useModelId = () => useParams().get("model") ?? BUNDLED_MODEL;

/** Address of a neuron's page that keeps the model, the trace, so that the way back is there, and the chosen index. */
export function neuronHref(
  search: string,
  modelId: string,
  unit: string,
  over: string | null = null,
): string {
  const params = new URLSearchParams(search);
  const [trace, index] = [params.get("trace"), over ?? params.get("index")];
  return `/neuron${patchSearch("", { model: modelId, unit, trace, index })}`;
}

/** `over` is the index that the page is to open on, where it is another than the address names. */
export function useNeuronHref(over: string | null = null): (unit: string) => string {
  const { search } = useLocation();
  const modelId = useModelId();
  return useCallback((unit: string) => neuronHref(search, modelId, unit, over), [search, modelId, over]);
}

/** Address of a group's page, with the trace kept; a group that was found over an index opens on that by itself. */
export function useGroupHref(): (group: Pick<Group, "group_id" | "index_id">) => string {
  const { search } = useLocation();
  const modelId = useModelId();
  return useCallback(
    ({ group_id, index_id }) => {
      const params = new URLSearchParams(search);
      const [trace, index] = [params.get("trace"), index_id === null ? params.get("index") : null];
      return `/neuron${patchSearch("", { model: modelId, group: group_id, trace, index })}`;
    },
    [search, modelId],
  );
}
