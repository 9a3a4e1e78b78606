/** What a recorded run was made with, as far as it tells it from others of the same prompt. */

import type { StartEvent } from "./liveEvents";

type Made = Pick<StartEvent, "settings" | "config">;

const amount = (value: unknown) => (typeof value === "number" ? String(Number(value.toPrecision(6))) : null);

/** Each setting in words. The seed tells nothing where no token was drawn. */
function wordsOf({ settings, config }: Made): Map<string, string> {
  const words = new Map<string, string>();
  const put = (key: string, word: string | null) => word !== null && words.set(key, word);
  const temperature = amount(settings.temperature) ?? "0";
  const [topK, topP] = [amount(settings.top_k), amount(settings.top_p)];
  const most = amount(settings.max_new_tokens);
  const changes = settings.interventions?.length ?? 0;
  put("temperature", `temperature ${temperature}`);
  put("top_k", topK === null ? "any top k" : `top k ${topK}`);
  put("top_p", topP === null ? "any top p" : `top p ${topP}`);
  if (temperature !== "0") put("seed", `seed ${amount(settings.seed) ?? "unknown"}`);
  // What was changed on the way stands in the run itself.
  put(
    "changes",
    changes === 0 ? "begun unchanged" : `begun with ${changes} ${changes === 1 ? "change" : "changes"}`,
  );
  put("most", most && `at most ${most} tokens`);
  put("messages", settings.messages ? "as a chat" : "as plain text");
  put("kept", typeof config.capture_mode === "string" ? `kept: ${config.capture_mode}` : null);
  return words;
}

/** In words, what each of several runs has that not all of them have; "" for one that has nothing of its own. */
export function differences(made: readonly Made[]): string[] {
  const all = made.map(wordsOf);
  const keys = [...new Set(all.flatMap((words) => [...words.keys()]))].filter(
    (key) => new Set(all.map((words) => words.get(key))).size > 1,
  );
  return all.map((words) => keys.flatMap((key) => words.get(key) ?? []).join(" · "));
}
