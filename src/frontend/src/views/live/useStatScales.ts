import { useMemo } from "react";
import { formatAddress } from "@/lib/address";
import type { LightStep, Run } from "@/lib/run";
import { type StatScale, statScale } from "@/lib/statScale";
import type { Point, Stat } from "./options";

/** A scale for each column of the grid; taken anew when steps come, not when one scrubs through them. */
export function useStatScales(
  run: Run,
  phase: LightStep["phase"],
  points: readonly Point[],
  layers: readonly number[],
  stat: Stat,
): ReadonlyMap<Point, StatScale> {
  // biome-ignore lint/correctness/useExhaustiveDependencies: of the run only its steps count, and points and layers are those of its start
  return useMemo(
    () =>
      new Map(
        points.map((point) => {
          const addresses = layers.map((layer) => formatAddress(point, layer));
          return [point, statScale(run, phase, addresses, stat)];
        }),
      ),
    [run.start, run.steps, phase, stat],
  );
}
