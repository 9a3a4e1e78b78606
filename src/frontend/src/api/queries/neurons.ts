import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { client, unwrap } from "../client";
import type { Band, ShortestRequest, TogetherRequest } from "../types";

/** One unit, by its whole name. */
export interface UnitAsked {
  modelId: string;
  unit: string;
  indexId: string | null;
}

/** One unit, or a saved group as if it were one. */
export type Of = { unit: string } | { group_id: string };

const within = (modelId: string, indexId: string | null) => ({
  model_id: modelId,
  ...(indexId ? { index_id: indexId } : {}),
});

export const useNeuronTop = (
  { modelId, unit, indexId }: UnitAsked,
  { k, contains }: { k: number; contains: string },
  enabled: boolean,
) =>
  useQuery({
    queryKey: ["neuron", "top", modelId, unit, indexId, contains, k],
    queryFn: ({ signal }) =>
      unwrap(
        client.GET("/api/neurons/top", {
          params: { query: { ...within(modelId, indexId), unit, k, contains } },
          signal,
        }),
      ),
    enabled,
    // While another text is searched, the contexts before stay; another unit's never do.
    placeholderData: (before, query) =>
      query && query.queryKey[2] === modelId && query.queryKey[3] === unit && query.queryKey[4] === indexId
        ? before
        : undefined,
    staleTime: 60_000,
  });

/** Places of the corpus sample in a band of the unit's values, and the histogram of all. */
export const useExamples = (
  { modelId, unit, indexId }: UnitAsked,
  { band, k, low, high }: { band: Band; k: number; low?: number; high?: number },
  enabled: boolean,
) =>
  useQuery({
    queryKey: ["neuron", "examples", modelId, unit, indexId, band, k, low, high],
    queryFn: ({ signal }) =>
      unwrap(
        client.GET("/api/neurons/examples", {
          params: {
            query: { ...within(modelId, indexId), unit, band, k, ...(high !== undefined && { low, high }) },
          },
          signal,
        }),
      ),
    enabled,
    staleTime: 60_000,
  });

export const useTokenTop = (
  modelId: string,
  { token, point, indexId }: { token: string; point: string; indexId: string | null },
) =>
  useQuery({
    queryKey: ["token", modelId, token, point, indexId],
    queryFn: ({ signal }) =>
      unwrap(
        client.GET("/api/tokens/top", {
          params: { query: { ...within(modelId, indexId), token, point, k: 12 } },
          signal,
        }),
      ),
    enabled: token !== "",
    staleTime: 60_000,
  });

/** The units of a point that go most with one or with a group over the index's sample, with it or against it. */
export const useNeighbours = (
  { modelId, of, indexId }: { modelId: string; of: Of; indexId: string | null },
  { k, point }: { k: number; point: string },
  enabled: boolean,
) =>
  useQuery({
    queryKey: ["neuron", "neighbours", modelId, of, indexId, k, point],
    queryFn: ({ signal }) =>
      unwrap(
        client.GET("/api/neurons/neighbours", {
          params: { query: { ...within(modelId, indexId), ...of, k, point } },
          signal,
        }),
      ),
    enabled,
    staleTime: 60_000,
  });

/** The tokens that the unit directly raises and lowers. Read off the weights, so no index is needed, but the model is. */
export const useWrites = (modelId: string, unit: string, k: number, enabled: boolean) =>
  useQuery({
    queryKey: ["neuron", "writes", modelId, unit, k],
    queryFn: ({ signal }) =>
      unwrap(
        client.GET("/api/neurons/writes", { params: { query: { model_id: modelId, unit, k } }, signal }),
      ),
    enabled,
    retry: false,
    staleTime: Number.POSITIVE_INFINITY,
  });

/** The unit in one index beside itself in another. */
export const useCompare = (unit: string, indexId: string, otherId: string | null, k: number) =>
  useQuery({
    queryKey: ["neuron", "compare", unit, indexId, otherId, k],
    queryFn: ({ signal }) =>
      unwrap(
        client.GET("/api/neurons/compare", {
          params: { query: { unit, index_id: indexId, other_index_id: otherId ?? "", k } },
          signal,
        }),
      ),
    enabled: otherId !== null,
    retry: false,
    staleTime: 60_000,
  });

export const useProbe = () =>
  useMutation({
    mutationFn: (asked: { modelId: string; unit: string; text: string }) =>
      unwrap(
        client.POST("/api/neurons/activations", {
          body: { model_id: asked.modelId, unit: asked.unit, text: asked.text },
        }),
      ),
  });

/** One unit on every token of a whole window of the index's corpus, which is run again. */
export const useWindow = (
  { modelId, unit, indexId }: UnitAsked,
  { doc, window }: { doc: number; window: number },
) =>
  useMutation({
    mutationFn: () =>
      unwrap(
        client.POST("/api/neurons/window", { body: { ...within(modelId, indexId), unit, doc, window } }),
      ),
  });

/** Starts to shorten a context or a text; the job's result is read by `readShortest`. */
export function useStartShortest() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (body: ShortestRequest) => unwrap(client.POST("/api/neurons/shortest", { body })),
    onSettled: () => void queries.invalidateQueries({ queryKey: ["jobs"] }),
  });
}

/** Starts to look for what drives several units together; the job's result is read by `readTogether`. */
export function useStartTogether() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (body: TogetherRequest) => unwrap(client.POST("/api/neurons/together", { body })),
    onSettled: () => void queries.invalidateQueries({ queryKey: ["jobs"] }),
  });
}
