import type { TraceDetail } from "@/api/types";

/** A prompt's text without the marks that a chat template puts in, on one line: what a list shows of it. */
export const titleOf = (text: string): string =>
  text
    .replace(/<\|[^<>|]{1,40}\|>|<\/?[a-z_]{1,40}>|\[\/?INST\]/g, " ")
    .replace(/\s+/g, " ")
    .trim() || text;

/** The whole prompt of a trace. Its `text` is cut after 200 characters; the tokens have the rest. */
export function promptOf({ text, tokens }: Pick<TraceDetail, "text" | "tokens">): string {
  const joined = tokens
    .filter((token) => !token.special)
    .map((token) => token.text)
    .join("");
  // Some tokenizers put a space before the first word; others change the text, and then the start must do.
  const start = joined.indexOf(text);
  return start === 0 || start === 1 ? joined.slice(start) : text;
}
