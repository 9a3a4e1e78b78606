/** Explore's options as they stand in the page's address. */

import { useMemo } from "react";
import type { HeatmapBy, LayersBy } from "@/api/queries/traces";
import { readChoice, readFlag, readInt } from "@/lib/url";
import { useParams } from "@/state/address";

/** The point that is shown unless one asks otherwise. */
export const NEURONS = "mlp_act";
export const TABS = ["heatmap", "scatter", "layers"] as const;
export const HEATMAP_BY: readonly HeatmapBy[] = ["max", "variance", "mean_abs"];
export const STRIP_BY: readonly LayersBy[] = ["mean_abs", "max", "l2"];
export const TOPS = [20, 50, 100, 200, 500] as const;
export const CLIPS = ["100", "99.5", "99", "95"] as const;
/** One outlier would leave all else dark; so the colour is full at the 99th percentile unless one asks otherwise. */
export const DEFAULT_CLIP = "99";

export const BY_LABELS: Record<HeatmapBy | LayersBy, string> = {
  max: "max",
  variance: "variance",
  mean_abs: "mean |a|",
  l2: "L2 norm",
};

export interface ExploreOptions {
  traceId: string | null;
  tab: (typeof TABS)[number];
  point: string;
  layer: number;
  top: number;
  by: HeatmapBy;
  strip: LayersBy;
  log: boolean;
  clip: number;
}

export function readOptions(params: URLSearchParams): ExploreOptions {
  const point = params.get("point") ?? NEURONS;
  return {
    traceId: params.get("trace"),
    tab: readChoice(params, "tab", TABS, "heatmap"),
    point: /^[a-z][a-z0-9_]{0,30}$/.test(point) ? point : NEURONS,
    layer: readInt(params, "layer", 0),
    top: readInt(params, "top", 50, 1, 2000),
    by: readChoice(params, "by", HEATMAP_BY, "max"),
    strip: readChoice(params, "strip", STRIP_BY, "mean_abs"),
    log: readFlag(params, "log"),
    clip: Number(readChoice(params, "clip", CLIPS, DEFAULT_CLIP)),
  };
}

export function useOptions(): ExploreOptions {
  const params = useParams();
  return useMemo(() => readOptions(params), [params]);
}
