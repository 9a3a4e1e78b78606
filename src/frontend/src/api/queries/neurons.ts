import { useMutation, useQuery } from "@tanstack/react-query";
import { client, unwrap } from "../client";

export interface NeuronAsked {
  modelId: string;
  layer: number;
  unit: number;
  k: number;
  indexId: string | null;
}

export const useNeuronTop = ({ modelId, layer, unit, k, indexId }: NeuronAsked, enabled: boolean) =>
  useQuery({
    queryKey: ["neuron", modelId, layer, unit, k, indexId],
    queryFn: ({ signal }) =>
      unwrap(
        client.GET("/api/neurons/top", {
          params: { query: { model_id: modelId, layer, unit, k, ...(indexId ? { index_id: indexId } : {}) } },
          signal,
        }),
      ),
    enabled,
    staleTime: 60_000,
  });

export const useTokenTop = (modelId: string, token: string, indexId: string | null, enabled: boolean) =>
  useQuery({
    queryKey: ["token", modelId, token, indexId],
    queryFn: ({ signal }) =>
      unwrap(
        client.GET("/api/tokens/top", {
          params: { query: { model_id: modelId, token, k: 12, ...(indexId ? { index_id: indexId } : {}) } },
          signal,
        }),
      ),
    enabled: enabled && token !== "",
    staleTime: 60_000,
  });

/** The neurons that go most with one over the index's sample, with it or against it. */
export const useNeighbours = ({ modelId, layer, unit, k, indexId }: NeuronAsked, enabled: boolean) =>
  useQuery({
    queryKey: ["neuron", "neighbours", modelId, layer, unit, k, indexId],
    queryFn: ({ signal }) =>
      unwrap(
        client.GET("/api/neurons/neighbours", {
          params: {
            query: {
              model_id: modelId,
              layer,
              unit,
              k,
              point: "mlp_act",
              ...(indexId ? { index_id: indexId } : {}),
            },
          },
          signal,
        }),
      ),
    enabled,
    staleTime: 60_000,
  });

export const useProbe = () =>
  useMutation({
    mutationFn: (asked: { modelId: string; layer: number; unit: number; text: string }) =>
      unwrap(
        client.POST("/api/neurons/activations", {
          body: { model_id: asked.modelId, layer: asked.layer, unit: asked.unit, text: asked.text },
        }),
      ),
  });
