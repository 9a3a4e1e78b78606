import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { ApiError, client, unwrap } from "../client";
import type { WeightReport } from "../types";

/** The weights as they were measured before; null where nobody has asked for that yet. */
export const useWeights = (modelId: string, modelKey: string) =>
  useQuery({
    queryKey: ["weights", modelId, modelKey],
    queryFn: async ({ signal }): Promise<WeightReport | null> => {
      try {
        return await unwrap(
          client.GET("/api/models/weights", { params: { query: { model_id: modelId } }, signal }),
        );
      } catch (failure) {
        if (failure instanceof ApiError && failure.status === 404) return null;
        throw failure;
      }
    },
    staleTime: Number.POSITIVE_INFINITY,
  });

export function useMeasureWeights() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (modelId: string) =>
      unwrap(client.POST("/api/models/weights", { body: { model_id: modelId } })),
    onSettled: () => void queries.invalidateQueries({ queryKey: ["jobs"] }),
  });
}
