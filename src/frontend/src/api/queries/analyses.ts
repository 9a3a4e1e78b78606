import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { client, unwrap } from "../client";
import type { AnalysisRequest } from "../types";

export const useAnalyses = () =>
  useQuery({
    queryKey: ["analyses"],
    queryFn: ({ signal }) => unwrap(client.GET("/api/analyses", { signal })),
    staleTime: Number.POSITIVE_INFINITY,
  });

export function useRunAnalysis() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: ({ name, body }: { name: string; body: AnalysisRequest }) =>
      unwrap(client.POST("/api/analyses/{name}", { params: { path: { name } }, body })),
    onSettled: () => void queries.invalidateQueries({ queryKey: ["jobs"] }),
  });
}
