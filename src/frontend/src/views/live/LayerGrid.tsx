import { VisuallyHidden } from "@mantine/core";
import { useMemo } from "react";
import { useThemeName } from "@/components/useThemeName";
import { formatAddress } from "@/lib/address";
import { cssColour, inkOn, sampleScale, type Theme } from "@/lib/colour";
import { formatMark, formatValue } from "@/lib/format";
import { type LightStep, type Run, statOf } from "@/lib/run";
import type { StatScale } from "@/lib/statScale";
import { usePatch } from "@/state/address";
import { pointsOf } from "./columns";
import classes from "./Grid.module.css";
import { type Point, STAT_LABELS, type Stat, useOptions } from "./options";
import { useStatScales } from "./useStatScales";

/* Beyond this many layers a row has no room for figures. */
const ROOMY = 20;

/** One statistic of every layer and point at a step: rows are layers, columns points, each column on a scale of its own. */
export function LayerGrid({ run, step, layers }: { run: Run; step: LightStep; layers: readonly number[] }) {
  const { layer: chosen, point: chosenPoint, stat } = useOptions();
  const theme = useThemeName();
  const patch = usePatch();
  const points = useMemo(() => pointsOf(run), [run]);
  const roomy = layers.length <= ROOMY;
  const scales = useStatScales(run, step.phase, points, layers, stat);
  return (
    <>
      <table className={classes.grid} data-roomy={roomy || undefined}>
        <caption>
          {STAT_LABELS[stat]} by layer and point at step {step.step}
        </caption>
        <thead>
          <tr>
            <td />
            {points.map((point) => (
              <th key={point} scope="col">
                <button
                  type="button"
                  aria-pressed={point === chosenPoint}
                  onClick={() => patch({ point: point === "mlp_act" ? null : point })}
                >
                  {point}
                </button>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {layers.map((layer) => (
            <tr key={layer} data-chosen={layer === chosen || undefined}>
              <th scope="row">
                <label>
                  <input
                    type="radio"
                    name="live-layer"
                    aria-label={`Layer ${layer}`}
                    checked={layer === chosen}
                    onChange={() => patch({ layer })}
                  />
                  <span>L{layer}</span>
                </label>
              </th>
              {points.map((point) => (
                <Cell
                  key={point}
                  layer={layer}
                  point={point}
                  stat={stat}
                  value={statOf(run, step, formatAddress(point, layer), stat)}
                  scale={scales.get(point)}
                  theme={theme}
                  roomy={roomy}
                  chosen={layer === chosen && point === chosenPoint}
                  onChoose={() => patch({ layer, point: point === "mlp_act" ? null : point })}
                />
              ))}
            </tr>
          ))}
        </tbody>
        <tfoot>
          <tr>
            <th scope="row">full at</th>
            {points.map((point) => (
              <td key={point}>
                {scales.get(point)?.signed && "±"}
                {formatMark(scales.get(point)?.max ?? 0)}
                {scales.get(point)?.clipped && <span title="Some steps lie beyond"> ▲</span>}
              </td>
            ))}
          </tr>
        </tfoot>
      </table>
      <Legend scales={[...scales.values()]} theme={theme} />
    </>
  );
}

/** What the colours mean, once for each kind of scale that the columns have. */
function Legend({ scales, theme }: { scales: readonly StatScale[]; theme: Theme }) {
  const ramp = (signed: boolean) =>
    Array.from({ length: 9 }, (_, at) => cssColour(sampleScale(at / 8, signed, theme))).join(",");
  return (
    <p className={classes.legend}>
      {[false, true]
        .filter((signed) => scales.some((scale) => scale.signed === signed))
        .map((signed) => (
          <span key={String(signed)} className={classes.scale}>
            {signed ? "−full" : "0"}
            <span
              className={classes.ramp}
              style={{ background: `linear-gradient(to right, ${ramp(signed)})` }}
            />
            full, for each column at a value of its own
          </span>
        ))}
    </p>
  );
}

interface CellProps {
  layer: number;
  point: Point;
  stat: Stat;
  value: number | null;
  scale: StatScale | undefined;
  theme: Theme;
  roomy: boolean;
  chosen: boolean;
  onChoose: () => void;
}

function Cell({ layer, point, stat, value, scale, theme, roomy, chosen, onChoose }: CellProps) {
  const finite = value !== null && Number.isFinite(value);
  const shown = value === null ? "–" : formatMark(value);
  const beyond = finite && scale !== undefined && Math.abs(value) > scale.max;
  const ground =
    finite && scale
      ? sampleScale((value - scale.min) / (scale.max - scale.min), scale.signed, theme)
      : undefined;
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the layer's radio button and the column's button do the same
    <td
      className={classes.cell}
      data-chosen={chosen || undefined}
      data-empty={!finite || undefined}
      data-beyond={beyond || undefined}
      style={ground && { background: cssColour(ground), color: inkOn(ground) }}
      title={`${formatAddress(point, layer)} · ${STAT_LABELS[stat]} ${value === null ? "not there" : formatValue(value)}${beyond ? ", beyond the scale" : ""}`}
      onClick={onChoose}
    >
      {roomy ? shown : <VisuallyHidden>{shown}</VisuallyHidden>}
    </td>
  );
}
