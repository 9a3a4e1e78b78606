import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { client, unwrap } from "../client";
import type { IndexRequest } from "../types";

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

export function useBuildIndex() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (body: IndexRequest) => unwrap(client.POST("/api/indexes", { body })),
    onSettled: () => queries.invalidateQueries({ queryKey: ["jobs"] }),
  });
}

export function useUploadCorpus() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (body: { name: string; format: "text" | "jsonl"; content: string }) =>
      unwrap(client.POST("/api/corpora", { body })),
    onSettled: () => queries.invalidateQueries({ queryKey: ["corpora"] }),
  });
}
