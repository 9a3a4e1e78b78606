import { keepPreviousData, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { client, unwrap } from "../client";
import type { PrecisionRequest, PrecisionSort } from "../types";

export const NEURONS_PER_PAGE = 50;

/** All comparisons of two precisions that are kept, newest first. */
export const useComparisons = () =>
  useQuery({
    queryKey: ["precisions"],
    queryFn: ({ signal }) => unwrap(client.GET("/api/precisions", { signal })),
  });

/* A comparison never changes once it is made. */
export const useComparison = (comparisonId: string | null) =>
  useQuery({
    queryKey: ["precision", comparisonId],
    queryFn: ({ signal }) =>
      unwrap(
        client.GET("/api/precisions/{comparison_id}", {
          params: { path: { comparison_id: comparisonId ?? "" } },
          signal,
        }),
      ),
    enabled: comparisonId !== null,
    staleTime: Number.POSITIVE_INFINITY,
  });

export interface NeuronsAsked {
  comparisonId: string;
  layer: number | null;
  sort: PrecisionSort;
  descending: boolean;
  page: number;
}

export const usePrecisionNeurons = ({ comparisonId, layer, sort, descending, page }: NeuronsAsked) =>
  useQuery({
    queryKey: ["precision", comparisonId, "neurons", layer, sort, descending, page],
    queryFn: ({ signal }) =>
      unwrap(
        client.GET("/api/precisions/{comparison_id}/neurons", {
          params: {
            path: { comparison_id: comparisonId },
            query: {
              sort,
              descending,
              offset: page * NEURONS_PER_PAGE,
              limit: NEURONS_PER_PAGE,
              ...(layer === null ? {} : { layer }),
            },
          },
          signal,
        }),
      ),
    placeholderData: keepPreviousData,
    staleTime: Number.POSITIVE_INFINITY,
  });

export function useCompare() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (body: PrecisionRequest) => unwrap(client.POST("/api/precisions", { body })),
    onSettled: () => void queries.invalidateQueries({ queryKey: ["jobs"] }),
  });
}

export function useDeleteComparison() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (comparisonId: string) =>
      unwrap(
        client.DELETE("/api/precisions/{comparison_id}", {
          params: { path: { comparison_id: comparisonId } },
        }),
      ),
    onSettled: () => queries.invalidateQueries({ queryKey: ["precisions"] }),
  });
}

/** Address of a comparison's whole table, for a plain download link. */
export const comparisonHref = (comparisonId: string) =>
  `/api/precisions/${encodeURIComponent(comparisonId)}/export`;
