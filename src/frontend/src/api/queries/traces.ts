import { keepPreviousData, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { client, unwrap } from "../client";

export type HeatmapBy = "max" | "variance" | "mean_abs";
export type LayersBy = "max" | "mean_abs" | "l2";

/* A trace never changes once recorded. */
const FOREVER = { staleTime: Number.POSITIVE_INFINITY };

export function useCapture() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: ({ modelId, prompt, signal }: { modelId: string; prompt: string; signal: AbortSignal }) =>
      unwrap(client.POST("/api/captures", { body: { model_id: modelId, prompt }, signal })),
    onSuccess: () => queries.invalidateQueries({ queryKey: ["traces"] }),
    onSettled: () => queries.invalidateQueries({ queryKey: ["models"] }),
  });
}

export const useTraces = () =>
  useQuery({
    queryKey: ["traces"],
    queryFn: ({ signal }) => unwrap(client.GET("/api/traces", { signal })),
  });

export function useDeleteTrace() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (traceId: string) =>
      unwrap(client.DELETE("/api/traces/{trace_id}", { params: { path: { trace_id: traceId } } })),
    onSettled: () => queries.invalidateQueries({ queryKey: ["traces"] }),
  });
}

/** Keeps a trace whatever the limit, or lets it go with the others again. */
export function usePinTrace() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: ({ traceId, pinned }: { traceId: string; pinned: boolean }) =>
      unwrap(
        client.POST("/api/traces/{trace_id}/pin", {
          params: { path: { trace_id: traceId } },
          body: { pinned },
        }),
      ),
    onSettled: () => queries.invalidateQueries({ queryKey: ["traces"] }),
  });
}

export const useTrace = (traceId: string | null) =>
  useQuery({
    queryKey: ["trace", traceId],
    queryFn: ({ signal }) =>
      unwrap(client.GET("/api/traces/{trace_id}", { params: { path: { trace_id: traceId ?? "" } }, signal })),
    enabled: traceId !== null,
    ...FOREVER,
  });

export const useHeatmap = (traceId: string, address: string | null, top: number, by: HeatmapBy) =>
  useQuery({
    queryKey: ["trace", traceId, "heatmap", address, top, by],
    queryFn: ({ signal }) =>
      unwrap(
        client.GET("/api/traces/{trace_id}/heatmap", {
          params: { path: { trace_id: traceId }, query: { address: address ?? "", top, by } },
          signal,
        }),
      ),
    enabled: address !== null,
    // Moving the layer slider must not flash; another trace must not show the old one's values.
    placeholderData: (previous, query) =>
      query?.queryKey[1] === traceId ? keepPreviousData(previous) : undefined,
    ...FOREVER,
  });

export const useLayers = (traceId: string, point: string | null, by: LayersBy) =>
  useQuery({
    queryKey: ["trace", traceId, "layers", point, by],
    queryFn: ({ signal }) =>
      unwrap(
        client.GET("/api/traces/{trace_id}/layers", {
          params: { path: { trace_id: traceId }, query: { point: point ?? "", by } },
          signal,
        }),
      ),
    enabled: point !== null,
    placeholderData: (previous, query) =>
      query?.queryKey[1] === traceId ? keepPreviousData(previous) : undefined,
    ...FOREVER,
  });

/** Address of a trace's export, for a plain download link. */
export const exportHref = (traceId: string, format: "trace" | "npz" | "json") =>
  `/api/traces/${encodeURIComponent(traceId)}/export?format=${format}`;
