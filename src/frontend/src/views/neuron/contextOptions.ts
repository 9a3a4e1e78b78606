/** Which contexts are listed, as it stands in the address. */

import type { Band } from "@/api/types";
import { readChoice, readInt } from "@/lib/url";

export const DEFAULT_COUNT = 20;
const MOST = 1000;

export const BANDS = ["top", "middle", "random", "near_zero", "lowest"] as const;
export type Shown = (typeof BANDS)[number];

/** Where the lowest values of the sample end, as a share of it. */
const LOWEST = 0.05;

/** A band as the server is asked for it: the lowest is one of its quantiles. */
export const askedBand = (band: Shown): { band: Band; low?: number; high?: number } =>
  band === "lowest" ? { band: "quantile", low: 0, high: LOWEST } : { band };

export const BAND_WORDS: Record<Shown, { label: string; about: string }> = {
  top: { label: "Strongest", about: "the exact strongest of the whole corpus" },
  middle: { label: "Middle", about: "the middle of where it fires, out of a sample" },
  random: { label: "Random", about: "as they come, out of a sample" },
  lowest: { label: "Lowest", about: "out of the lowest twentieth of a sample" },
  near_zero: { label: "Near zero", about: "nearest to zero, out of a sample" },
};

export const readContexts = (params: URLSearchParams) => ({
  k: readInt(params, "k", DEFAULT_COUNT, 1, MOST),
  contains: (params.get("has") ?? "").slice(0, 200),
  band: readChoice(params, "band", BANDS, "top"),
});

/** Which context is being shortened: its rank, a text of the person's own, or nothing that is known. */
export function readShortened(params: URLSearchParams): number | "text" | null {
  const given = params.get("short");
  if (given === "text") return "text";
  return given !== null && /^\d{1,3}$/.test(given) ? Number(given) : null;
}
