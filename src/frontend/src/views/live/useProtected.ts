import { useMemo } from "react";
import { useCalibration } from "@/api/queries/calibrations";
import { useModels } from "@/api/queries/models";
import { isLive } from "@/lib/run";
import { useModelId } from "@/state/address";
import { useLive } from "./store";

/** The model that a change is made to: the run's while it goes on, else the one that the next message goes to. */
export function useChangedModel(): { modelId: string; ready: boolean } {
  const chosen = useModelId();
  const running = useLive(({ run }) => (isLive(run) ? run.start?.model_id : undefined));
  const modelId = running ?? chosen;
  const entry = useModels().data?.models.find((one) => one.model_id === modelId);
  // To ask about a model loads it, and a chat server's has nothing to ask about.
  return { modelId, ready: entry?.loaded === true && entry.source !== "chat" };
}

/** Protected units of the model, each with the nats a token by which ablating it alone raises the loss; null: beyond number. */
export function useProtected(): ReadonlyMap<string, number | null> {
  const { modelId, ready } = useChangedModel();
  const { data } = useCalibration(modelId, ready);
  return useMemo(() => new Map(data?.protected.map(({ unit, rise }) => [unit, rise])), [data]);
}
