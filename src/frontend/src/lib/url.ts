/** The page's state as the query of its address. */

export type Patch = Record<string, string | number | boolean | null | undefined>;

/** `search` with the patch applied; null, undefined, false and "" take the key out. */
export function patchSearch(search: string, patch: Patch): string {
  const params = new URLSearchParams(search);
  for (const [key, value] of Object.entries(patch)) {
    if (value === null || value === undefined || value === "" || value === false) params.delete(key);
    else params.set(key, value === true ? "1" : String(value));
  }
  // A unit or a model id reads better in an address with its own colon and slash, which a query may hold.
  const text = params.toString().replaceAll("%3A", ":").replaceAll("%2F", "/");
  return text ? `?${text}` : "";
}

export function readChoice<const Choice extends string>(
  params: URLSearchParams,
  key: string,
  choices: readonly Choice[],
  fallback: Choice,
): Choice {
  const value = params.get(key);
  return choices.find((choice) => choice === value) ?? fallback;
}

export function readInt(
  params: URLSearchParams,
  key: string,
  fallback: number,
  minimum = 0,
  maximum = 1e9,
): number {
  const text = params.get(key);
  if (text === null || !/^-?\d{1,9}$/.test(text)) return fallback;
  return Math.max(minimum, Math.min(maximum, Number(text)));
}

export const readFlag = (params: URLSearchParams, key: string) => params.get(key) === "1";

/** Parameters `p.k=8` of an analysis form, without the prefix. */
export function readPrefixed(params: URLSearchParams, prefix: string): Record<string, string> {
  const found: Record<string, string> = {};
  for (const [key, value] of params) if (key.startsWith(prefix)) found[key.slice(prefix.length)] = value;
  return found;
}
