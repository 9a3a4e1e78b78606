import { useElementSize } from "@mantine/hooks";
import { formatMark } from "@/lib/format";
import classes from "./Selection.module.css";
import type { SeriesPoint } from "./useSeries";
import { showStep } from "./useStep";

const HEIGHT = 56;
const PAD = 4;

export interface Stretch {
  made: boolean;
  points: { at: number; value: number }[];
}

/** Stretches of neighbouring steps that have a value of one kind; a value alone is a stretch of its own. */
export function stretches(points: readonly SeriesPoint[]): Stretch[] {
  const found: Stretch[] = [];
  let open: Stretch | null = null;
  points.forEach(({ value, made = false }, at) => {
    if (value === null || !Number.isFinite(value)) {
      open = null;
      return;
    }
    if (open?.made !== made) {
      open = { made, points: [] };
      found.push(open);
    }
    open.points.push({ at, value });
  });
  return found;
}

/** A small line over the steps; a gap is shaded as far as its value may have been from zero. A click shows the step. */
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
  const values = [
    ...parts.flatMap(({ points: some }) => some.map(({ value }) => value)),
    ...points.flatMap(({ within }) => (within == null ? [] : [within, -within])),
  ];
  const low = Math.min(0, ...values);
  const high = Math.max(0, ...values);
  const cell = width / Math.max(1, points.length);
  const x = (at: number) => (at + 0.5) * cell;
  const flat = low === high;
  const y = (value: number) =>
    flat ? HEIGHT / 2 : PAD + (1 - (value - low) / (high - low)) * (HEIGHT - 2 * PAD);
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
          {points.map(({ step, within }, at) =>
            within == null ? null : (
              <rect
                key={step}
                x={at * cell}
                width={cell}
                y={y(within)}
                height={y(-within) - y(within)}
                className={classes.within}
              />
            ),
          )}
          {parts.map(({ made, points: [first, ...more] }) =>
            first && more.length === 0 ? (
              <circle
                key={first.at}
                cx={x(first.at)}
                cy={y(first.value)}
                r={2}
                data-made={made || undefined}
                className={classes.dot}
              />
            ) : (
              <polyline
                key={first?.at}
                points={[first, ...more].map((one) => (one ? `${x(one.at)},${y(one.value)}` : "")).join(" ")}
                data-made={made || undefined}
                className={classes.line}
              />
            ),
          )}
        </svg>
      </div>
      <div className={classes.ends} data-flat={flat || undefined} aria-hidden>
        <span>{formatMark(high)}</span>
        {!flat && <span>{formatMark(low)}</span>}
      </div>
    </div>
  );
}
