/** The scatter's options in the address. Jobs are named there too, so that a reload or a sent link shows their results again. */

import { useMemo } from "react";
import { readPrefixed } from "@/lib/url";
import { useParams } from "@/state/address";

export const PARAMETER_PREFIX = "p.";

export interface ScatterOptions {
  layout: string | null;
  /** Name of a clustering, `layer`, or `none`. */
  colour: string | null;
  /** `trace` or an index id. */
  source: string | null;
  allLayers: boolean;
  layoutJob: string | null;
  clusterJob: string | null;
  texts: Record<string, string>;
}

export function readScatterOptions(params: URLSearchParams): ScatterOptions {
  return {
    layout: params.get("layout"),
    colour: params.get("colour"),
    source: params.get("source"),
    allLayers: params.get("scope") !== "layer",
    layoutJob: params.get("layoutJob"),
    clusterJob: params.get("clusterJob"),
    texts: readPrefixed(params, PARAMETER_PREFIX),
  };
}

export function useScatterOptions(): ScatterOptions {
  const params = useParams();
  return useMemo(() => readScatterOptions(params), [params]);
}
