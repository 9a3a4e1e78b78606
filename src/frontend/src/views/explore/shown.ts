/** Which point of a trace is shown, where it is missing, and why: not every model has neurons in every layer. */

import { useMemo } from "react";
import { useTrace } from "@/api/queries/traces";
import type { TraceDetail } from "@/api/types";
import { parseAddress } from "@/lib/address";
import { layersWord } from "@/lib/diagram";
import { NEURONS, useOptions } from "./options";

export const STREAM = "resid_post";

/* A heatmap needs one unit per column: a head's values and attention weights have none. */
const WITHOUT_UNITS: readonly string[] = ["q", "k", "v", "attn_weights"];

const POINT_LABELS: Record<string, string> = { [NEURONS]: "Neurons", [STREAM]: "Residual stream" };
export const pointLabel = (point: string) => POINT_LABELS[point] ?? point;

export interface Shown {
  /** What is drawn: what was asked for, or what stands in for it. */
  point: string;
  /** Layers that hold it, ascending. */
  layers: number[];
  /** Why a layer holds it not. */
  missing: ReadonlyMap<number, string>;
  /** Every point with units that the trace holds. */
  points: string[];
  /** What was asked for and can't be shown, and why. */
  instead: { asked: string; reasons: string[] } | null;
}

type Held = Pick<TraceDetail, "points" | "unavailable">;

function layersOf(addresses: readonly string[], point: string): number[] {
  const found = addresses.flatMap((text) => {
    const address = parseAddress(text);
    return address?.point === point ? [address.layer] : [];
  });
  return found.sort((a, b) => a - b);
}

export function shownOf(trace: Held, asked: string): Shown {
  const named = trace.points.flatMap((text) => parseAddress(text)?.point ?? []);
  const points = [...new Set(named)].filter((point) => !WITHOUT_UNITS.includes(point));
  const standIn = points.includes(STREAM) ? STREAM : points[0];
  const point = points.includes(asked) ? asked : (standIn ?? asked);
  const lacking = layersOf(Object.keys(trace.unavailable), point);
  return {
    point,
    layers: layersOf(trace.points, point),
    missing: new Map(lacking.map((layer) => [layer, trace.unavailable[`${point}.${layer}`] ?? ""])),
    points,
    instead: point === asked ? null : { asked, reasons: reasonsFor(trace, asked) },
  };
}

/** Each reason once, with its layers where there are several. */
function reasonsFor({ unavailable }: Held, point: string): string[] {
  const layers = new Map<string, number[]>();
  for (const layer of layersOf(Object.keys(unavailable), point)) {
    const reason = unavailable[`${point}.${layer}`] ?? "";
    layers.set(reason, [...(layers.get(reason) ?? []), layer]);
  }
  return [...layers].map(([reason, at]) => (layers.size === 1 ? reason : `${layersWord(at)}: ${reason}`));
}

/** Null until the trace is there: before that nobody knows what it holds. */
export function useShown(): Shown | null {
  const { traceId, point } = useOptions();
  const { data } = useTrace(traceId);
  return useMemo(() => (data ? shownOf(data, point) : null), [data, point]);
}
