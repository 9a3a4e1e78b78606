import { useTraces } from "@/api/queries/traces";
import { useModelId } from "@/state/address";

export type RecordedRun = NonNullable<ReturnType<typeof useTraces>["data"]>["traces"][number];

/** Runs of the model that were recorded, newest first; prompts that were only read are listed in Explore. */
export function useRuns(): {
  runs: readonly RecordedRun[];
  totalBytes: number | null;
  limitBytes: number | null;
  error: Error | null;
} {
  const modelId = useModelId();
  const { data, error } = useTraces();
  const runs = data?.traces.filter((one) => one.model_id === modelId && one.steps > 1) ?? [];
  return { runs, totalBytes: data?.total_bytes ?? null, limitBytes: data?.limit_bytes ?? null, error };
}
