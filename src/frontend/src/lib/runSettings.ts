/** What a recorded run was made with, as far as it tells it from others of the same prompt. */

import type { MadeWith } from "@/api/types";

const amount = (value: number | null) => (value === null ? null : String(Number(value.toPrecision(6))));
/** A seed is a name, not an amount: rounded it would draw other tokens. */
const whole = (value: number | null) => (value === null ? null : String(value));

/** Each setting in words. The seed tells nothing where no token was drawn. */
function wordsOf(made: MadeWith): Map<string, string> {
  const words = new Map<string, string>();
  const put = (key: string, word: string | null) => word !== null && words.set(key, word);
  const temperature = amount(made.temperature) ?? "0";
  const [topK, topP] = [whole(made.top_k), amount(made.top_p)];
  const most = whole(made.max_new_tokens);
  const { changes } = made;
  put("temperature", `temperature ${temperature}`);
  put("top_k", topK === null ? "any top k" : `top k ${topK}`);
  put("top_p", topP === null ? "any top p" : `top p ${topP}`);
  if (temperature !== "0") put("seed", `seed ${whole(made.seed) ?? "unknown"}`);
  // What was changed on the way stands in the run itself.
  put(
    "changes",
    changes === 0 ? "begun unchanged" : `begun with ${changes} ${changes === 1 ? "change" : "changes"}`,
  );
  put("most", most && `at most ${most} tokens`);
  put("messages", made.chat ? "as a chat" : "as plain text");
  put("kept", made.capture_mode && `kept: ${made.capture_mode}`);
  return words;
}

/** In words, what each of several runs has that not all of them have; "" for one that has nothing of its own. */
export function differences(made: readonly MadeWith[]): string[] {
  const all = made.map(wordsOf);
  const keys = [...new Set(all.flatMap((words) => [...words.keys()]))].filter(
    (key) => new Set(all.map((words) => words.get(key))).size > 1,
  );
  return all.map((words) => keys.flatMap((key) => words.get(key) ?? []).join(" · "));
}
