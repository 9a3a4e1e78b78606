/** What an index is built over, as a person names it. */

import type { CorpusEntry } from "@/api/types";

/** Stands in the list of corpora for a data set of the hub, which has to be named. */
export const HUB = "hf:";

/** As the server takes it: `NAME`, `OWNER/NAME`, then a configuration and a split. */
const HUB_NAME =
  /^[A-Za-z0-9][\w.-]{0,95}(\/[A-Za-z0-9][\w.-]{0,95})?(:[\w.-]{0,100}(:[\w.-]{0,100}(\[[\w%:-]{0,60}\])?)?)?$/;

/** `OWNER/NAME` as typed, with or without `hf:` or the hub's address before it; null where it names no data set. */
export function hubCorpus(typed: string): string | null {
  const name = typed
    .trim()
    .replace(/^https?:\/\/huggingface\.co\/datasets\//, "")
    .replace(/^hf:/, "")
    .replace(/\/+$/, "");
  return HUB_NAME.test(name) ? HUB + name : null;
}

/** The field that holds the text, unless another is chosen; null where the corpus has no fields. */
export function defaultField(corpus: CorpusEntry | undefined): string | null {
  const fields = corpus?.fields ?? [];
  return fields.includes("text") ? "text" : (fields[0] ?? null);
}

/** Fields of text in the first line of a JSON Lines file; none where that is no object. */
export function fieldsOf(content: string): string[] {
  try {
    const row: unknown = JSON.parse(content.slice(0, content.indexOf("\n") + 1 || undefined));
    if (typeof row !== "object" || row === null || Array.isArray(row)) return [];
    return Object.entries(row).flatMap(([name, value]) => (typeof value === "string" ? [name] : []));
  } catch {
    return [];
  }
}

const POINT = /^[a-z][a-z0-9_]{0,30}(\.\d{1,5})?$/;

/** `resid_mid, attn_out.3` → points and addresses, each once; [] for nothing; null where one can't be any. */
export function parsePoints(text: string): string[] | null {
  const names = text.split(/[\s,]+/).filter(Boolean);
  return names.length <= 32 && names.every((name) => POINT.test(name)) ? [...new Set(names)] : null;
}
