import { useElementSize } from "@mantine/hooks";
import classes from "./LineChart.module.css";

interface LineChartProps {
  label: string;
  points: readonly { x: number; y: number }[];
  chosen: number;
  format: (value: number) => string;
  onChoose: (x: number) => void;
}

const HEIGHT = 190;
const PAD = { left: 58, right: 12, top: 12, bottom: 22 };

/** A small line with dots. The table beside it says the same in figures, so it is an image to screen readers. */
export function LineChart({ label, points, chosen, format, onChoose }: LineChartProps) {
  const { ref, width } = useElementSize();
  const values = points.map((point) => point.y);
  const low = Math.min(...values, 0);
  const high = Math.max(...values, low + 1e-12);
  const inner = Math.max(1, width - PAD.left - PAD.right);
  const x = (at: number) => PAD.left + (points.length > 1 ? (at / (points.length - 1)) * inner : inner / 2);
  const y = (value: number) => PAD.top + (1 - (value - low) / (high - low)) * (HEIGHT - PAD.top - PAD.bottom);
  const labelStep = Math.max(1, Math.ceil((points.length * 26) / inner));
  const ticks = low < 0 ? [low, 0, high] : [0, high / 2, high];
  return (
    <div ref={ref}>
      <svg width="100%" height={HEIGHT} role="img" aria-label={label} className={classes.chart}>
        {ticks.map((tick) => (
          <g key={tick}>
            <line x1={PAD.left} x2={PAD.left + inner} y1={y(tick)} y2={y(tick)} className={classes.grid} />
            <text x={PAD.left - 8} y={y(tick)} textAnchor="end" dominantBaseline="middle">
              {format(tick)}
            </text>
          </g>
        ))}
        <polyline
          points={points.map((point, at) => `${x(at)},${y(point.y)}`).join(" ")}
          className={classes.line}
        />
        {points.map((point, at) => (
          // biome-ignore lint/a11y/noStaticElementInteractions: the layer buttons of the table do the same
          <g
            key={point.x}
            className={classes.dot}
            data-chosen={point.x === chosen || undefined}
            onClick={() => onChoose(point.x)}
          >
            <title>{`layer ${point.x}: ${format(point.y)}`}</title>
            <circle cx={x(at)} cy={y(point.y)} r={12} fill="transparent" />
            <circle cx={x(at)} cy={y(point.y)} r={point.x === chosen ? 5 : 3.5} className={classes.mark} />
            {at % labelStep === 0 && (
              <text x={x(at)} y={HEIGHT - 5} textAnchor="middle">
                {point.x}
              </text>
            )}
          </g>
        ))}
      </svg>
    </div>
  );
}
