import { ApiError } from "@/api/client";
import { useLayers } from "@/api/queries/traces";
import type { TraceDetail } from "@/api/types";
import { useOptions } from "./options";
import { useShown } from "./shown";

/** What Explore can draw of a trace: `steps` are no whole tensors, and `unknown` nobody has looked yet. */
export type Kept = "whole" | "steps" | "unknown";

/** A prompt is always kept whole; of a run only the answer for its layers tells. */
export function useKept(trace: TraceDetail | null): Kept {
  const { strip } = useOptions();
  const shown = useShown();
  const isRun = trace !== null && trace.steps > 1;
  const answer = useLayers(trace?.trace_id ?? "", isRun ? (shown?.point ?? null) : null, strip);
  if (!isRun) return "whole";
  if (answer.isPending) return "unknown";
  return answer.error instanceof ApiError && answer.error.code === "not_captured" ? "steps" : "whole";
}
