import { VisuallyHidden } from "@mantine/core";
import { useMemo } from "react";
import { useThemeName } from "@/components/useThemeName";
import { formatAddress } from "@/lib/address";
import { cssColour, inkOn, sampleScale, type Theme } from "@/lib/colour";
import { formatMark, formatValue } from "@/lib/format";
import { type LightStep, type Run, statOf, statRange } from "@/lib/run";
import { usePatch } from "@/state/address";
import { pointsOf } from "./columns";
import classes from "./Grid.module.css";
import { type Point, STAT_LABELS, type Stat, useOptions } from "./options";

/* Beyond this many layers a row has no room for figures. */
const ROOMY = 20;

/** One statistic of every layer and point at a step: rows are layers, columns points, each column on a scale of its own. */
export function LayerGrid({ run, step, layers }: { run: Run; step: LightStep; layers: readonly number[] }) {
  const { layer: chosen, point: chosenPoint, stat } = useOptions();
  const theme = useThemeName();
  const patch = usePatch();
  const points = useMemo(() => pointsOf(run), [run]);
  const roomy = layers.length <= ROOMY;
  const scales = new Map(
    points.map((point) => [
      point,
      statRange(
        run,
        step.phase,
        layers.map((layer) => formatAddress(point, layer)),
        stat,
      ),
    ]),
  );
  return (
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
            </td>
          ))}
        </tr>
      </tfoot>
    </table>
  );
}

interface CellProps {
  layer: number;
  point: Point;
  stat: Stat;
  value: number | null;
  scale: { min: number; max: number; signed: boolean } | undefined;
  theme: Theme;
  roomy: boolean;
  chosen: boolean;
  onChoose: () => void;
}

function Cell({ layer, point, stat, value, scale, theme, roomy, chosen, onChoose }: CellProps) {
  const finite = value !== null && Number.isFinite(value);
  const shown = value === null ? "–" : formatMark(value);
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
      style={ground && { background: cssColour(ground), color: inkOn(ground) }}
      title={`${formatAddress(point, layer)} · ${STAT_LABELS[stat]} ${value === null ? "not there" : formatValue(value)}`}
      onClick={onChoose}
    >
      {roomy ? shown : <VisuallyHidden>{shown}</VisuallyHidden>}
    </td>
  );
}
