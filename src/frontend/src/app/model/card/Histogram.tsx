import type { PartWeights } from "@/api/types";
import { histogramPath } from "@/lib/weights";
import classes from "./Weights.module.css";

export const WIDTH = 180;
export const HEIGHT = 56;

/** One histogram on an axis that others share. */
export function Histogram({ part, reach, label }: { part: PartWeights; reach: number; label: string }) {
  return (
    <svg
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      className={classes.histogram}
      preserveAspectRatio="none"
      role="img"
      aria-label={label}
    >
      <line x1={WIDTH / 2} x2={WIDTH / 2} y1={0} y2={HEIGHT} className={classes.zero} />
      <path d={histogramPath(part, reach, WIDTH, HEIGHT)} className={classes.bars} />
    </svg>
  );
}
