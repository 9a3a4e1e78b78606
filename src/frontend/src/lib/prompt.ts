import type { TraceDetail } from "@/api/types";

/** A prompt's text without the marks that a chat template puts in, on one line: what a list shows of it. */
export const titleOf = (text: string): string =>
  text
    .replace(/<\|[^<>|]{1,40}\|>|<\/?[a-z_]{1,40}>|\[\/?INST\]/g, " ")
    .replace(/\s+/g, " ")
    .trim() || text;

/** The whole prompt of a trace. Its `text` is cut after 200 characters; the tokens have the rest. */
export function promptOf({ text, tokens }: Pick<TraceDetail, "text" | "tokens">): string {
  const join = (some: TraceDetail["tokens"]) => some.map((token) => token.text).join("");
  // A conversation's marks stand in its text; those that the tokenizer put around a prompt do not.
  for (const joined of [join(tokens.filter((token) => !token.special)), join(tokens)]) {
    // Some tokenizers put a space before the first word; others change the text, and then the start must do.
    const start = joined.indexOf(text);
    if (start === 0 || start === 1) return joined.slice(start);
  }
  return text;
}
