import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { client, unwrap } from "../client";
import type { IndexEntry, IndexRequest } from "../types";

export const useCorpora = (enabled: boolean) =>
  useQuery({
    queryKey: ["corpora"],
    queryFn: ({ signal }) => unwrap(client.GET("/api/corpora", { signal })),
    enabled,
  });

export const useIndexes = () =>
  useQuery({
    queryKey: ["indexes"],
    queryFn: ({ signal }) => unwrap(client.GET("/api/indexes", { signal })),
    staleTime: 30_000,
  });

/** Indexes that fit a model and hold units of a point. */
export const holding = (indexes: readonly IndexEntry[] | undefined, modelId: string, point: string) =>
  (indexes ?? []).filter((one) => one.model_id === modelId && one.usable && one.points.includes(point));

/** Those that hold its neurons; others hold units of the residual stream or heads alone. */
export const ofNeurons = (indexes: readonly IndexEntry[] | undefined, modelId: string) =>
  holding(indexes, modelId, "mlp_act");

export function useBuildIndex() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (body: IndexRequest) => unwrap(client.POST("/api/indexes", { body })),
    onSettled: () => void queries.invalidateQueries({ queryKey: ["jobs"] }),
  });
}

export function useDeleteIndex() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (indexId: string) =>
      unwrap(client.DELETE("/api/indexes/{index_id}", { params: { path: { index_id: indexId } } })),
    onSettled: () => queries.invalidateQueries({ queryKey: ["indexes"] }),
  });
}

export function useUploadCorpus() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (body: { name: string; format: "text" | "jsonl"; field: string; content: string }) =>
      unwrap(client.POST("/api/corpora", { body })),
    onSettled: () => queries.invalidateQueries({ queryKey: ["corpora"] }),
  });
}
