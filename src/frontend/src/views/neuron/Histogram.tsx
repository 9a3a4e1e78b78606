import { Text } from "@mantine/core";
import { useElementSize } from "@mantine/hooks";
import { useState } from "react";
import type { NeuronTop, Spread } from "@/api/types";
import { formatCount, formatMark, formatPercent, formatValue } from "@/lib/format";
import { axisMarks, type Bar, barsOf, decades, density } from "@/lib/spread";
import classes from "./Histogram.module.css";

const HEIGHT = 124;
const PAD = { left: 40, right: 6, top: 6, bottom: 18 };
/** Heights further apart than this can't be told from one another unless they stand on a log scale. */
const FAR = 30;

interface HistogramProps {
  spread: Spread;
  stats: NonNullable<NeuronTop["stats"]>;
}

/** How often the unit takes which value. Bars differ in width, so heights count tokens for one width. */
export function Histogram({ spread, stats }: HistogramProps) {
  const { ref, width } = useElementSize();
  const [over, setOver] = useState<Bar | null>(null);
  const found = barsOf(spread, stats.min, stats.max);
  if (found === null)
    return (
      <Text size="xs" c="dimmed" mt={4}>
        It is {formatValue(stats.max)} on every token of the corpus.
      </Text>
    );
  const { bars, low, high, step } = found;
  const heights = bars.map((bar) => density(bar, step));
  const scale = decades(heights);
  const least = Math.min(...heights.filter((height) => height > 0));
  const most = Math.max(...heights);
  const log = most > FAR * least;
  const inner = { width: Math.max(1, width - PAD.left - PAD.right), height: HEIGHT - PAD.top - PAD.bottom };
  const x = (value: number) => PAD.left + ((value - low) / (high - low)) * inner.width;
  const share = (height: number) =>
    log ? (Math.log10(height) - scale.low) / (scale.high - scale.low) : height / (most || 1);
  const y = (height: number) =>
    height > 0 ? PAD.top + (1 - Math.max(0, share(height))) * inner.height : PAD.top + inner.height;
  const floor = PAD.top + inner.height;
  const ticks = log ? scale.marks : [most / 2, most];
  const marks = axisMarks(low, high, inner.width);
  return (
    <div ref={ref}>
      <svg
        width="100%"
        height={HEIGHT}
        role="img"
        className={classes.chart}
        data-testid="histogram"
        data-log={log || undefined}
        aria-label={`Histogram of ${spread.tokens.toLocaleString("en-US")} tokens, from ${formatValue(low)} to ${formatValue(high)}; above zero on ${formatPercent(stats.firing_rate)}`}
        onPointerLeave={() => setOver(null)}
      >
        {ticks.map((tick) => (
          <g key={tick}>
            <line
              x1={PAD.left}
              x2={PAD.left + inner.width}
              y1={y(tick)}
              y2={y(tick)}
              className={classes.grid}
            />
            <text x={PAD.left - 6} y={y(tick)} textAnchor="end" dominantBaseline="middle">
              {formatMark(tick)}
            </text>
          </g>
        ))}
        {bars.map((bar, at) => {
          const height = heights[at] ?? 0;
          return (
            <g key={bar.from} onPointerEnter={() => setOver(bar)}>
              <rect
                x={x(bar.from)}
                width={x(bar.to) - x(bar.from)}
                y={PAD.top}
                height={inner.height}
                fill="transparent"
              />
              {height > 0 && (
                <rect
                  x={x(bar.from) + 0.5}
                  width={Math.max(1, x(bar.to) - x(bar.from) - 1)}
                  y={y(height)}
                  height={floor - y(height)}
                  className={classes.bar}
                  data-fires={bar.from >= 0 || undefined}
                  data-over={bar === over || undefined}
                />
              )}
            </g>
          );
        })}
        <line x1={PAD.left} x2={PAD.left + inner.width} y1={floor} y2={floor} className={classes.axis} />
        <line x1={x(stats.mean)} x2={x(stats.mean)} y1={PAD.top} y2={floor} className={classes.mean} />
        {marks.map((mark, at) => (
          <text
            key={mark}
            x={x(mark)}
            y={HEIGHT - 4}
            textAnchor={at === 0 ? "start" : at === marks.length - 1 ? "end" : "middle"}
          >
            {formatMark(mark)}
          </text>
        ))}
      </svg>
      <Text size="xs" c="dimmed" className={classes.said}>
        {over
          ? `${formatValue(over.from)} to ${formatValue(over.to)}: ${over.count.toLocaleString("en-US")} tokens, ${formatPercent(over.count / spread.tokens)}`
          : `over a sample of ${formatCount(spread.tokens)} tokens; tokens per ${formatMark(step)} of activation${log ? ", log" : ""}; dashed: mean`}
      </Text>
    </div>
  );
}
