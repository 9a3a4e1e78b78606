/** Live's options as they stand in the page's address. */

import { useMemo } from "react";
import { parseUnit } from "@/lib/address";
import type { StatName } from "@/lib/liveEvents";
import { readChoice, readInt } from "@/lib/url";
import { useParams } from "@/state/address";

/** The columns of the grid, in the order in which a block computes them. */
export const POINTS = ["resid_pre", "attn_out", "resid_mid", "mlp_act", "mlp_out", "resid_post"] as const;
export type Point = (typeof POINTS)[number];

export const STATS = ["l2", "mean", "std", "max", "sparsity", "p99"] as const satisfies readonly StatName[];
export type Stat = (typeof STATS)[number];

export const STAT_LABELS: Record<Stat, string> = {
  l2: "L2 norm",
  mean: "mean",
  std: "standard deviation",
  max: "max",
  sparsity: "share near zero",
  p99: "99th percentile",
};

/** What a run keeps of its steps beside statistics. */
export const KEEPS = ["topk", "tile", "full"] as const;
export type Keep = (typeof KEEPS)[number];

export const KEEP_LABELS: Record<Keep, string> = {
  topk: "the strongest units of each layer",
  tile: "a tile of each layer",
  full: "all values (large)",
};

export const SLOWEST = 0.1;
export const DEFAULTS = { tokens: 64, temperature: 0 };
export const MOST_TOKENS = 100_000;

export interface LiveOptions {
  traceId: string | null;
  step: number | null;
  layer: number;
  point: Point;
  stat: Stat;
  unit: string | null;
  /** Plain text instead of a conversation. */
  plain: boolean;
  tokens: number;
  temperature: number;
  topK: number | null;
  topP: number | null;
  seed: number | null;
  keep: Keep;
  /** Tokens a second at most; null for as fast as the model can. */
  pace: number | null;
  /** One CUDA graph a token. */
  compiled: boolean;
}

function readReal(params: URLSearchParams, key: string, least: number, most: number): number | null {
  const text = params.get(key);
  const value = Number(text);
  return text === null || text === "" || !Number.isFinite(value) || value < least || value > most
    ? null
    : value;
}

function readWhole(params: URLSearchParams, key: string, least: number): number | null {
  const value = readInt(params, key, -1, -1);
  return value >= least ? value : null;
}

export function readOptions(params: URLSearchParams): LiveOptions {
  const unit = params.get("unit");
  const topP = readReal(params, "topp", 0, 1);
  return {
    traceId: params.get("trace"),
    step: readWhole(params, "step", 0),
    layer: readInt(params, "layer", 0),
    point: readChoice(params, "point", POINTS, "mlp_act"),
    stat: readChoice(params, "stat", STATS, "l2"),
    unit: parseUnit(unit) ? unit : null,
    plain: params.get("mode") === "text",
    tokens: readInt(params, "tokens", DEFAULTS.tokens, 1, MOST_TOKENS),
    temperature: readReal(params, "temperature", 0, 100) ?? DEFAULTS.temperature,
    topK: readWhole(params, "topk", 1),
    topP: topP === 0 ? null : topP,
    seed: readWhole(params, "seed", 0),
    keep: readChoice(params, "keep", KEEPS, "topk"),
    pace: readReal(params, "pace", SLOWEST, 1000),
    compiled: params.get("compiled") === "1",
  };
}

export function useOptions(): LiveOptions {
  const params = useParams();
  return useMemo(() => readOptions(params), [params]);
}
