import { useModels } from "@/api/queries/models";
import { useLive } from "./store";

/** What is being waited for, in words; null once a run has begun, or where none was asked for. */
export function useWaiting(): string | null {
  const run = useLive(({ run }) => run);
  const sent = useLive(({ sent }) => sent);
  const opening = useLive(({ opening }) => opening);
  const models = useModels();
  if (run.start !== null || run.end !== null) return null;
  if (run.queued !== null && run.queued > 0)
    return run.queued === 1
      ? "Waiting in the queue: one run goes first."
      : `Waiting in the queue: ${run.queued} runs go first.`;
  if (sent !== null) {
    const model = models.data?.models.find((one) => one.model_id === sent.modelId);
    return model && !model.loaded && model.source !== "chat"
      ? `Loading ${sent.modelId}. The run begins once it is there.`
      : "Reading the prompt …";
  }
  if (run.queued !== null) return "The run begins once its model is there.";
  return opening !== null || run.traceId !== null ? "Opening the run …" : null;
}
