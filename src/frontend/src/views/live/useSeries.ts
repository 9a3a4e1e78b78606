import { useMemo } from "react";
import { parseUnit } from "@/lib/address";
import type { StepEvent } from "@/lib/liveEvents";
import { keptUnits, unitsOf } from "@/lib/payloads";
import { useLive } from "./store";
import { useShownStep } from "./useStep";
import { useStretch } from "./useWholeStep";

/** Longer stretches would be many fetches, and no wider than the panel has pixels for. */
export const STRETCH = 256;

export interface SeriesPoint {
  step: number;
  /** Null where it was not recorded. */
  value: number | null;
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
  const count = useLive(({ run }) => run.steps.length);
  const cache = useLive(({ cache }) => cache);
  const fetched = useLive(({ fetched }) => fetched);
  const { number } = useShownStep();
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
    for (let step = first; step <= last; step += 1) {
      const event = cache?.get(step);
      const payload = event?.entries.find((one) => one.address === address)?.payload;
      if (payload) kept ??= keptUnits(payload);
      points.push({ step, value: valueAt(event, address, index) });
    }
    return { points, words: inWords(points, kept, count) };
  }, [unit, cache, fetched, first, last, count]);
}

function inWords(points: readonly SeriesPoint[], kept: number | null, count: number): string {
  const gaps = points.filter(({ value }) => value === null).length;
  const where =
    points.length < count ? `Steps ${points[0]?.step} to ${points.at(-1)?.step} of ${count}. ` : "";
  if (gaps === 0) return `${where}Recorded at every step.`;
  const among =
    kept === null ? "" : ` Only the ${kept} strongest of a layer are, and of the prompt mostly statistics.`;
  return `${where}Gaps: at ${gaps} of ${points.length} steps its value was not recorded.${among}`;
}
