import { useMemo } from "react";
import { parseUnit } from "@/lib/address";
import { valueMade } from "@/lib/changes";
import type { StepEvent } from "@/lib/liveEvents";
import { keptUnits, unitsOf } from "@/lib/payloads";
import { inForceAt } from "@/lib/run";
import { useLive } from "./store";
import { useShownStep } from "./useStep";
import { useStretch } from "./useWholeStep";

/** Longer stretches would be many fetches, and no wider than the panel has pixels for. */
export const STRETCH = 256;

export interface SeriesPoint {
  step: number;
  /** Null where it was neither recorded nor made by a change. */
  value: number | null;
  /** Whether a change made the value, and no payload holds it. */
  made?: boolean;
  /** Where it was not among the strongest that were kept: the size of the weakest of those, which it did not exceed. */
  within?: number | null;
}

/** A unit's value at a step, at the last token that was read: null where its payload does not hold it. */
export function valueAt(event: StepEvent | undefined, address: string, index: number): number | null {
  const entry = event?.entries.find((one) => one.address === address);
  try {
    return (entry && unitsOf(entry)?.find((one) => one.index === index)?.value) ?? null;
  } catch {
    return null;
  }
}

/** A unit over the steps so far, at most {@link STRETCH} of them around the one on screen; and what its gaps mean. */
export function useSeries(unit: string): { points: readonly SeriesPoint[]; words: string } {
  const run = useLive(({ run }) => run);
  const cache = useLive(({ cache }) => cache);
  const fetched = useLive(({ fetched }) => fetched);
  const { number } = useShownStep();
  const count = run.steps.length;
  // In steps of half a stretch, so that scrubbing does not begin it anew each time.
  const first = count <= STRETCH ? 0 : Math.max(0, Math.floor((number / STRETCH) * 2 - 1)) * (STRETCH / 2);
  const last = Math.min(count, first + STRETCH) - 1;
  useStretch(first, last, true);

  // biome-ignore lint/correctness/useExhaustiveDependencies: the cache itself stays the same while steps come into it
  return useMemo(() => {
    const { point = "", layer = 0, index = 0 } = parseUnit(unit) ?? {};
    const address = `${point}.${layer}`;
    const points: SeriesPoint[] = [];
    let kept: number | null = null;
    let defined = inForceAt(run, first);
    for (let step = first; step <= last; step += 1) {
      const event = cache?.get(step);
      const receipt = run.receipts.get(step);
      defined = receipt?.defined ?? defined;
      const payload = event?.entries.find((one) => one.address === address)?.payload;
      if (payload) kept ??= keptUnits(payload);
      const value = valueAt(event, address, index);
      const made = value === null ? valueMade(defined, receipt?.interventions ?? [], unit) : null;
      const within = value === null && made === null ? weakestAt(event, address) : null;
      points.push({ step, value: value ?? made, made: made !== null, within });
    }
    return { points, words: inWords(points, kept, count) };
  }, [unit, run.receipts, cache, fetched, first, last, count]);
}

/** Size of the weakest unit that a payload of the strongest ones keeps; null where it keeps others, or none. */
function weakestAt(event: StepEvent | undefined, address: string): number | null {
  const entry = event?.entries.find((one) => one.address === address);
  try {
    const units = entry?.payload && keptUnits(entry.payload) !== null ? unitsOf(entry) : null;
    return units && units.length > 0 ? Math.min(...units.map(({ value }) => Math.abs(value))) : null;
  } catch {
    return null;
  }
}

function inWords(points: readonly SeriesPoint[], kept: number | null, count: number): string {
  const total = points.length;
  const where = total < count ? `Steps ${points[0]?.step} to ${points.at(-1)?.step} of ${count}. ` : "";
  const [made, within, gaps] = [
    points.filter((one) => one.made).length,
    points.filter((one) => one.within != null).length,
    points.filter(({ value }) => value === null).length,
  ];
  const said = [
    gaps > 0 && "A gap is no zero.",
    within > 0 &&
      `Shade, at ${within} of ${total} steps: not among the ${kept} strongest of its layer, so within it.`,
    gaps > within && `At ${gaps - within} of ${total} steps only statistics of its layer are at hand.`,
    made > 0 && `Dashed, at ${made} of ${total} steps: what a change made of it.`,
  ].filter(Boolean);
  return where + (said.length > 0 ? said.join(" ") : "Recorded at every step.");
}
