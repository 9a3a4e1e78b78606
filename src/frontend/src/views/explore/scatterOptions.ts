/** The scatter's options in the address. Jobs are named there too, so that a reload or a sent link shows their results again. */

import { useMemo } from "react";
import { readInt, readPrefixed } from "@/lib/url";
import { useParams } from "@/state/address";

export const PARAMETER_PREFIX = "p.";

export interface ScatterOptions {
  layout: string | null;
  /** Name of a clustering, `layer`, or `none`. */
  colour: string | null;
  /** `trace` or an index id. */
  source: string | null;
  /** The one layer to show; null for all. */
  onlyLayer: number | null;
  layoutJob: string | null;
  clusterJob: string | null;
  texts: Record<string, string>;
}

export function readScatterOptions(params: URLSearchParams): ScatterOptions {
  return {
    layout: params.get("layout"),
    colour: params.get("colour"),
    source: params.get("source"),
    onlyLayer: readScope(params),
    layoutJob: params.get("layoutJob"),
    clusterJob: params.get("clusterJob"),
    texts: readPrefixed(params, PARAMETER_PREFIX),
  };
}

/** `scope` once said no more than "layer": the one of the heatmap. Such addresses still lead where they did. */
function readScope(params: URLSearchParams): number | null {
  const layer = readInt(params, params.get("scope") === "layer" ? "layer" : "scope", -1, -1);
  if (layer >= 0) return layer;
  return params.get("scope") === "layer" ? 0 : null;
}

export function useScatterOptions(): ScatterOptions {
  const params = useParams();
  return useMemo(() => readScatterOptions(params), [params]);
}
