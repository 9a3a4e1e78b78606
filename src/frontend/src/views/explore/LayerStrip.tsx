import { Group, NativeSelect, Skeleton, Slider, Text } from "@mantine/core";
import { type MouseEvent, useEffect, useMemo, useRef, useState } from "react";
import { useLayers } from "@/api/queries/traces";
import type { Layers } from "@/api/types";
import { ErrorNote } from "@/components/Notice";
import { Panel } from "@/components/Panel";
import { useThemeName } from "@/components/useThemeName";
import { cssColour, sampleScale } from "@/lib/colour";
import { formatValue } from "@/lib/format";
import { showToken } from "@/lib/tokens";
import { usePatch } from "@/state/address";
import classes from "./Explore.module.css";
import { BY_LABELS, STRIP_BY, useOptions } from "./options";
import { PointSelect } from "./PointSelect";
import { useShown } from "./shown";
import { allLayers, paintStrip, type StripRow, stripRange } from "./strip";

/** All layers at a glance, and the way to choose one of them. */
export function LayerStrip({ traceId }: { traceId: string }) {
  const { strip, layer } = useOptions();
  const shown = useShown();
  const patch = usePatch();
  const answer = useLayers(traceId, shown?.point ?? null, strip);
  const rows = useMemo(() => allLayers(answer.data?.layers ?? [], shown?.missing), [answer.data, shown]);
  const place = rows.findIndex((row) => row.layer === layer);
  return (
    <Panel
      title="All layers"
      about="layers × tokens; choose a row"
      flush
      actions={
        <Group gap="md" wrap="nowrap">
          {shown && <PointSelect shown={shown} />}
          <Group gap="xs" wrap="nowrap">
            <Text size="xs" c="dimmed" visibleFrom="sm">
              Layer
            </Text>
            <Slider
              w={160}
              size="sm"
              thumbLabel="Layer"
              label={(at) => `Layer ${rows[at]?.layer ?? at}`}
              min={0}
              max={Math.max(1, rows.length - 1)}
              value={Math.max(0, place)}
              disabled={rows.length < 2}
              onChange={(at) => patch({ layer: rows[at]?.layer ?? 0 })}
            />
            <Text size="sm" fw={600} w="2ch" ta="right">
              {layer}
            </Text>
          </Group>
          <NativeSelect
            size="xs"
            aria-label="Value shown per layer and token"
            value={strip}
            data={STRIP_BY.map((by) => ({ value: by, label: BY_LABELS[by] }))}
            onChange={(event) =>
              patch({ strip: event.currentTarget.value === "mean_abs" ? null : event.currentTarget.value })
            }
          />
        </Group>
      }
    >
      {answer.isPending && <Skeleton height={110} mx="sm" w="auto" />}
      {answer.error && <ErrorNote error={answer.error} onRetry={() => answer.refetch()} />}
      {answer.data && (
        <Cells
          layers={answer.data}
          rows={rows}
          chosen={place}
          onChoose={(at) => patch({ layer: rows[at]?.layer ?? 0 })}
        />
      )}
    </Panel>
  );
}

function Cells({
  layers,
  rows,
  chosen,
  onChoose,
}: {
  layers: Layers;
  rows: readonly StripRow[];
  chosen: number;
  onChoose: (row: number) => void;
}) {
  const theme = useThemeName();
  const canvas = useRef<HTMLCanvasElement>(null);
  const [hovered, setHovered] = useState<{ row: number; token: number } | null>(null);
  const range = useMemo(() => stripRange(layers), [layers]);
  const rowHeight = Math.max(9, Math.min(18, 220 / Math.max(1, rows.length)));
  const height = rowHeight * rows.length;

  useEffect(() => {
    if (canvas.current) paintStrip(canvas.current, rows, layers.tokens, range, theme);
  }, [rows, layers, range, theme]);

  const cellAt = (event: MouseEvent<HTMLElement>) => {
    const box = event.currentTarget.getBoundingClientRect();
    const at = (share: number, count: number) => Math.max(0, Math.min(count - 1, Math.floor(share * count)));
    return {
      row: at((event.clientY - box.top) / box.height, rows.length),
      token: at((event.clientX - box.left) / box.width, layers.tokens.length),
    };
  };
  const over = hovered ? rows[hovered.row] : undefined;
  const value = hovered ? over?.row?.per_token[hovered.token] : undefined;
  const ramp = Array.from({ length: 9 }, (_, step) =>
    cssColour(sampleScale(1 - step / 8, range.signed, theme)),
  );

  return (
    <>
      <div className={classes.strip} style={{ height }}>
        <div className={classes.gutter} role="radiogroup" aria-label="Layer">
          {rows.map(({ layer, row, reason }, at) => (
            <label
              key={layer}
              className={classes.layer}
              data-missing={row === null || undefined}
              title={reason}
            >
              <input
                type="radio"
                name="layer"
                checked={at === chosen}
                onChange={() => onChoose(at)}
                aria-label={row ? `Layer ${layer}` : `Layer ${layer}, missing: ${reason}`}
              />
              <span>{rowHeight >= 12 || at === chosen || at % 4 === 0 ? `L${layer}` : "·"}</span>
            </label>
          ))}
        </div>
        {/* The radio buttons at the left are the same choice for the keyboard. */}
        {/* biome-ignore lint/a11y/noStaticElementInteractions lint/a11y/useKeyWithClickEvents: see above */}
        <div
          className={classes.cells}
          onMouseMove={(event) => setHovered(cellAt(event))}
          onMouseLeave={() => setHovered(null)}
          onClick={(event) => onChoose(cellAt(event).row)}
        >
          <canvas
            ref={canvas}
            role="img"
            aria-label={`${BY_LABELS[layers.by as "max"] ?? layers.by} of ${layers.point} by layer and token`}
          />
          {rows.map(({ layer, row, reason }, at) =>
            row ? null : (
              <div
                key={layer}
                className={classes.missing}
                style={{ top: at * rowHeight, height: rowHeight }}
                title={reason}
              />
            ),
          )}
          {chosen >= 0 && (
            <div className={classes.chosen} style={{ top: chosen * rowHeight - 2, height: rowHeight + 4 }} />
          )}
        </div>
        <div className={classes.legend} aria-hidden>
          <div className={classes.ramp} style={{ background: `linear-gradient(${ramp.join(",")})` }} />
          <div className={classes.ends}>
            <span>{formatValue(range.max)}</span>
            <span>{formatValue(range.min)}</span>
          </div>
        </div>
      </div>
      <output className={classes.readout} style={{ marginTop: 6 }}>
        {hovered && over && !over.row ? (
          <>
            layer {over.layer} · missing: {over.reason}
          </>
        ) : hovered && over && value !== undefined ? (
          <>
            layer {over.layer} · token {hovered.token} “{showToken(layers.tokens[hovered.token]?.text ?? "")}”
            · <strong>{formatValue(value)}</strong>
          </>
        ) : (
          "Point at a cell for its value"
        )}
      </output>
    </>
  );
}
