import {
  keepPreviousData,
  useMutation,
  useMutationState,
  useQuery,
  useQueryClient,
} from "@tanstack/react-query";
import { isActive } from "@/lib/jobs";
import { client, unwrap } from "../client";
import type { LoadRequest } from "../types";
import { useJobs } from "./jobs";

export type EstimateAsked = Omit<LoadRequest, "modules">;

export const BUNDLED_MODEL = "neuronscope/tiny";

/** The list of models. The bundled one loads by itself as the server starts: who awaits it names it here. */
export const useModels = (awaited?: string) =>
  useQuery({
    queryKey: ["models"],
    queryFn: ({ signal }) => unwrap(client.GET("/api/models", { signal })),
    staleTime: 15_000,
    refetchInterval: ({ state }) =>
      state.data?.models.some((one) => one.model_id === awaited && one.source === "bundled" && !one.loaded)
        ? 3000
        : false,
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

/** What loading takes in this way, and whether it fits now: asked again each time, since other programs move too. */
export const useEstimate = (asked: EstimateAsked, enabled: boolean) =>
  useQuery({
    queryKey: ["estimate", asked],
    queryFn: ({ signal }) => unwrap(client.GET("/api/models/estimate", { params: { query: asked }, signal })),
    enabled,
    // One bar is not torn down while another precision is weighed.
    placeholderData: keepPreviousData,
    staleTime: 3000,
    gcTime: 30_000,
    retry: false,
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

export interface LoadWish {
  asked: LoadRequest | undefined;
  error: Error | null;
  pending: boolean;
}

/** The last wish to load a model, by whichever part of the page; undefined where there was none. */
export function useLoadWish(modelId: string): LoadWish | undefined {
  const wishes = useMutationState<LoadWish>({
    filters: { mutationKey: LOAD_KEY },
    select: ({ state }) => ({
      asked: state.variables as LoadRequest | undefined,
      error: state.error,
      pending: state.status === "pending",
    }),
  });
  return wishes.findLast(({ asked }) => asked?.model_id === modelId);
}

/** Whether the model is being loaded now, be it for the first time or in another precision. */
export function useIsLoading(modelId: string): boolean {
  const jobs = useJobs();
  const wish = useLoadWish(modelId);
  return (
    wish?.pending === true ||
    (jobs.data?.jobs.some((job) => job.kind === "load" && job.model_id === modelId && isActive(job)) ?? false)
  );
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
