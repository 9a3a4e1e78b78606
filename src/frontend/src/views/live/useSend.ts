import { useCallback } from "react";
import { useModelCard, useModels } from "@/api/queries/models";
import type { ModelEntry } from "@/api/types";
import type { Message } from "@/lib/liveEvents";
import { type Run, saidBy } from "@/lib/run";
import { useModelId } from "@/state/address";
import { useOptions } from "./options";
import { send, useLive } from "./store";

/** What was said so far, the answer on screen included: what the next message goes on from. */
export function historyOf(run: Run): Message[] {
  const asked = run.start?.settings.messages;
  return asked ? [...asked, { role: "assistant", content: saidBy(run) }] : [];
}

export interface Sending {
  send: (text: string) => void;
  /** Whether plain text is sent: because one wants it, or because the model takes nothing else. */
  plain: boolean;
  noTemplate: boolean;
}

/** Whether a model's passes can be compiled where it is. */
export function onGpu(entry: ModelEntry | undefined): boolean {
  return entry?.loaded_as?.device.startsWith("cuda") ?? false;
}

export function useSend(): Sending {
  const modelId = useModelId();
  const options = useOptions();
  const models = useModels();
  const entry = models.data?.models.find((one) => one.model_id === modelId);
  // A chat server's model has no card, and knows its own template.
  const card = useModelCard(modelId, entry?.loaded === true && entry.source !== "chat");
  const noTemplate = card.data?.has_chat_template === false;
  const plain = options.plain || noTemplate;
  const { tokens, temperature, topK, topP, seed, keep, pace } = options;
  const compiled = options.compiled && onGpu(entry);
  const sendText = useCallback(
    (text: string) => {
      if (text.trim() === "") return;
      const settings = {
        model_id: modelId,
        max_new_tokens: tokens,
        temperature,
        ...(topK !== null && { top_k: topK }),
        ...(topP !== null && { top_p: topP }),
        ...(seed !== null && { seed }),
        ...(keep !== "topk" && { config: { capture_mode: keep } }),
        ...(pace !== null && { pace }),
        ...(compiled && { compiled }),
      };
      const messages = [...historyOf(useLive.getState().run), { role: "user", content: text }];
      send({ ...settings, ...(plain ? { prompt: text } : { messages }) }, text);
    },
    [modelId, tokens, temperature, topK, topP, seed, keep, pace, compiled, plain],
  );
  return { send: sendText, plain, noTemplate };
}
