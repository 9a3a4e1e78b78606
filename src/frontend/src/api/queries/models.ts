import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { client, unwrap } from "../client";
import type { LoadRequest } from "../types";

export const BUNDLED_MODEL = "neuronscope/tiny";

export const useModels = () =>
  useQuery({
    queryKey: ["models"],
    queryFn: ({ signal }) => unwrap(client.GET("/api/models", { signal })),
    staleTime: 15_000,
  });

/** Asking for a card loads the model, so it is asked for only where that is wanted. */
export const useModelCard = (modelId: string, enabled: boolean) =>
  useQuery({
    queryKey: ["card", modelId],
    queryFn: ({ signal }) =>
      unwrap(client.GET("/api/models/card", { params: { query: { model_id: modelId } }, signal })),
    enabled,
    staleTime: 300_000,
  });

/** Under this key the shell finds what became of a wish to load, whoever had it. */
export const LOAD_KEY = ["load-model"];

export function useLoadModel() {
  const queries = useQueryClient();
  return useMutation({
    mutationKey: LOAD_KEY,
    mutationFn: (body: LoadRequest) => unwrap(client.POST("/api/models/load", { body })),
    onSettled: () => queries.invalidateQueries({ queryKey: ["jobs"] }),
  });
}

export function useUnloadModel() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (modelId: string) =>
      unwrap(client.POST("/api/models/unload", { body: { model_id: modelId } })),
    onSettled: () => {
      queries.invalidateQueries({ queryKey: ["models"] });
      queries.invalidateQueries({ queryKey: ["system"] });
    },
  });
}
