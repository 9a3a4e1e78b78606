import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { client, unwrap } from "../client";

/** What is known of the units that a model can't do without; null where nobody has looked. Asking loads the model. */
export const useCalibration = (modelId: string, enabled: boolean) =>
  useQuery({
    queryKey: ["calibration", modelId],
    queryFn: async ({ signal }) => {
      const query = { model_id: modelId };
      return (await unwrap(client.GET("/api/calibrations/kept", { params: { query }, signal }))).calibration;
    },
    enabled,
    staleTime: 60_000,
  });

export function useCalibrate() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (modelId: string) =>
      unwrap(client.POST("/api/calibrations", { body: { model_id: modelId } })),
    onSettled: () => queries.invalidateQueries({ queryKey: ["jobs"] }),
  });
}
