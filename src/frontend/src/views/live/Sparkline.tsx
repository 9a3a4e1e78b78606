import { useElementSize } from "@mantine/hooks";
import { formatMark } from "@/lib/format";
import classes from "./Selection.module.css";
import type { SeriesPoint } from "./useSeries";
import { showStep } from "./useStep";

const HEIGHT = 56;
const PAD = 4;

/** Stretches of neighbouring steps that have a value; a value alone is a stretch of its own. */
export function stretches(points: readonly SeriesPoint[]): { at: number; value: number }[][] {
  const found: { at: number; value: number }[][] = [];
  let open: { at: number; value: number }[] | null = null;
  points.forEach(({ value }, at) => {
    if (value === null || !Number.isFinite(value)) {
      open = null;
      return;
    }
    if (open === null) {
      open = [];
      found.push(open);
    }
    open.push({ at, value });
  });
  return found;
}

/** A small line over the steps, with gaps where nothing was recorded. A click shows the step. */
export function Sparkline({
  points,
  shown,
  label,
}: {
  points: readonly SeriesPoint[];
  shown: number;
  label: string;
}) {
  const { ref, width } = useElementSize();
  const parts = stretches(points);
  const values = parts.flat().map(({ value }) => value);
  const low = Math.min(0, ...values);
  const high = Math.max(0, ...values);
  const cell = width / Math.max(1, points.length);
  const x = (at: number) => (at + 0.5) * cell;
  const y = (value: number) => PAD + (1 - (value - low) / (high - low || 1)) * (HEIGHT - 2 * PAD);
  const marker = points.findIndex(({ step }) => step === shown);
  return (
    <div className={classes.spark}>
      <div ref={ref}>
        {/* The timeline is the same choice for the keyboard. */}
        {/* biome-ignore lint/a11y/useKeyWithClickEvents: see above */}
        <svg
          width="100%"
          height={HEIGHT}
          role="img"
          aria-label={label}
          onClick={(event) => {
            const box = event.currentTarget.getBoundingClientRect();
            const point = points[Math.floor((event.clientX - box.left) / cell)];
            if (point) showStep(point.step);
          }}
        >
          <line x1={0} x2={width} y1={y(0)} y2={y(0)} className={classes.zero} />
          {marker >= 0 && (
            <rect x={marker * cell} width={Math.max(1, cell)} y={0} height={HEIGHT} className={classes.now} />
          )}
          {parts.map((part) =>
            part.length === 1 && part[0] ? (
              <circle
                key={part[0].at}
                cx={x(part[0].at)}
                cy={y(part[0].value)}
                r={2}
                className={classes.dot}
              />
            ) : (
              <polyline
                key={part[0]?.at}
                points={part.map(({ at, value }) => `${x(at)},${y(value)}`).join(" ")}
                className={classes.line}
              />
            ),
          )}
        </svg>
      </div>
      <div className={classes.ends} aria-hidden>
        <span>{formatMark(high)}</span>
        <span>{formatMark(low)}</span>
      </div>
    </div>
  );
}
