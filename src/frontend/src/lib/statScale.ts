/** Over which values the colours of a statistic run, so that they mean the same at every step of a phase. */

import type { StatName, StepEvent } from "./liveEvents";
import { type LightStep, type Run, statOf } from "./run";

/** Beyond this share of the values the colour stays full: a few outliers would leave all else pale. */
const CLIP = 0.99;
/** A run of more steps is looked at in so many, evenly spread: its colours must not cost more the longer it is. */
const MOST_STEPS = 512;
/** From so many steps on one may be an outlier to the others. */
const FEW = 3;

export interface StatScale {
  min: number;
  /** Where the colour is full. */
  max: number;
  /** Whether values of either sign are there; then the scale is symmetric. */
  signed: boolean;
  /** Whether some values lie beyond. */
  clipped: boolean;
}

const isMark = ({ inputs }: LightStep) => inputs.length > 0 && inputs.every(({ special }) => special);

/**
 * From all steps of a phase that read other than special tokens: the 99th percentile of the sizes, and of three steps or
 * more at least one whole step lies beyond, so that a single one never sets the scale.
 */
export function statScale(
  run: Run,
  phase: StepEvent["phase"],
  addresses: readonly string[],
  stat: StatName,
): StatScale {
  const all = run.steps.filter((step) => step.phase === phase && step.lost === null);
  const plain = all.filter((step) => !isMark(step));
  const steps = plain.length > 0 ? plain : all;
  const stride = Math.ceil(steps.length / MOST_STEPS) || 1;
  const sizes: number[] = [];
  let signed = false;
  for (let at = 0; at < steps.length; at += stride)
    for (const address of addresses) {
      const value = statOf(run, steps[at] as LightStep, address, stat);
      if (value === null || !Number.isFinite(value)) continue;
      if (value < 0) signed = true;
      sizes.push(Math.abs(value));
    }
  const sorted = Float64Array.from(sizes).sort();
  const last = sorted.length - 1;
  const place = Math.min(Math.floor(CLIP * last), last - addresses.length);
  const most = sorted[last] ?? 0;
  const max = (steps.length >= FEW ? sorted[place] : most) || most || 1;
  return { min: signed ? -max : 0, max, signed, clipped: most > max };
}
