import { Center, Loader, Skeleton } from "@mantine/core";
import { type KeyboardEvent, useMemo, useRef, useState } from "react";
import { useNavigate } from "react-router";
import { useHeatmap } from "@/api/queries/traces";
import type { Heatmap, TraceDetail } from "@/api/types";
import { ErrorNote } from "@/components/Notice";
import { Panel } from "@/components/Panel";
import { Figure } from "@/components/plot/Figure";
import { useThemeName } from "@/components/useThemeName";
import { formatAddress, parseAddress } from "@/lib/address";
import { formatExact } from "@/lib/format";
import { scaleValues } from "@/lib/heatmapScale";
import { showToken } from "@/lib/tokens";
import { useNeuronHref } from "@/state/address";
import classes from "./Explore.module.css";
import { HeatmapTools } from "./HeatmapTools";
import { heatmapData, heatmapHeight, heatmapLayout } from "./heatmapFigure";
import { MissingLayer } from "./Missing";
import { BY_LABELS, NEURONS, useOptions } from "./options";
import { useShown } from "./shown";

interface Cell {
  row: number;
  token: number;
}

/** Neurons × tokens of one layer. */
export function HeatmapPanel({ traceId, trace }: { traceId: string; trace: TraceDetail | null }) {
  const { point: asked, layer, top, by } = useOptions();
  const shown = useShown();
  const point = shown?.point ?? asked;
  const address = formatAddress(point, layer);
  const missing = shown?.missing.has(layer) ?? false;
  const answer = useHeatmap(traceId, shown && !missing ? address : null, top, by);
  const graph = useRef<HTMLElement | null>(null);
  return (
    <Panel
      title={point === NEURONS ? "Neurons × tokens" : "Units × tokens"}
      about={`${address} · strongest by ${BY_LABELS[by]}`}
      flush
      actions={<HeatmapTools heatmap={missing ? null : (answer.data ?? null)} trace={trace} graph={graph} />}
    >
      {shown && missing && <MissingLayer shown={shown} layer={layer} />}
      {answer.isPending && !missing && <Skeleton height={420} mx="sm" w="auto" />}
      {answer.error && !missing && <ErrorNote error={answer.error} onRetry={() => answer.refetch()} />}
      {answer.data && !missing && (
        <div style={{ position: "relative", opacity: answer.isPlaceholderData ? 0.6 : 1 }}>
          {answer.isPlaceholderData && (
            <Center pos="absolute" inset={0} style={{ zIndex: 2 }}>
              <Loader size="sm" aria-label="Loading the layer" />
            </Center>
          )}
          <Picture heatmap={answer.data} graph={graph} />
        </div>
      )}
    </Panel>
  );
}

function Picture({ heatmap, graph }: { heatmap: Heatmap; graph: React.RefObject<HTMLElement | null> }) {
  const { log, clip } = useOptions();
  const theme = useThemeName();
  const navigate = useNavigate();
  const href = useNeuronHref();
  const [cell, setCell] = useState<Cell | null>(null);
  const [cursor, setCursor] = useState<Cell | null>(null);
  const scaled = useMemo(
    () =>
      scaleValues(
        heatmap.values,
        heatmap.tokens.map((token) => token.special),
        { log, clip },
      ),
    [heatmap, log, clip],
  );
  const data = useMemo(() => heatmapData(heatmap, scaled, log, theme), [heatmap, scaled, log, theme]);
  const layout = useMemo(() => heatmapLayout(heatmap, theme, cursor), [heatmap, theme, cursor]);

  const unitOf = (row: number) => {
    const index = heatmap.units[row];
    return index === undefined ? null : `${heatmap.address}:${index}`;
  };
  // Only MLP neurons are indexed, so only they have a page of their own.
  const hasPages = parseAddress(heatmap.address)?.point === NEURONS;
  const open = (row: number) => {
    const unit = unitOf(row);
    if (unit && hasPages) navigate(href(unit));
  };

  const press = (event: KeyboardEvent) => {
    const steps: Record<string, [number, number]> = {
      ArrowUp: [-1, 0],
      ArrowDown: [1, 0],
      ArrowLeft: [0, -1],
      ArrowRight: [0, 1],
    };
    const step = steps[event.key];
    if (step) {
      event.preventDefault();
      const from = cursor ?? { row: step[0] > 0 ? -1 : 0, token: step[1] > 0 ? -1 : 0 };
      const keep = (value: number, count: number) => Math.max(0, Math.min(count - 1, value));
      const next = {
        row: keep(from.row + step[0], heatmap.units.length),
        token: keep(from.token + step[1], heatmap.tokens.length),
      };
      setCursor(next);
      setCell(next);
    } else if (event.key === "Enter" && cursor) open(cursor.row);
    else if (event.key === "Escape") {
      setCursor(null);
      setCell(null);
    }
  };

  const value = cell && heatmap.values[cell.row]?.[cell.token];
  return (
    <>
      <output className={classes.readout} data-testid="heatmap-readout" aria-live="polite">
        {cell && value !== undefined ? (
          <>
            {unitOf(cell.row)} · token {cell.token} “{showToken(heatmap.tokens[cell.token]?.text ?? "")}” ·{" "}
            <strong data-testid="heatmap-value">{formatExact(value)}</strong>
          </>
        ) : (
          `Point at a cell for its value${hasPages ? ", click it for its neuron" : ""}. With the keyboard: Tab to the picture, arrow keys${hasPages ? ", Enter" : ""}.`
        )}
      </output>
      {/* biome-ignore lint/a11y/useSemanticElements: a picture with a cell cursor has no element of its own */}
      <div
        className={classes.heatmap}
        data-testid="heatmap"
        data-address={heatmap.address}
        role="group"
        // biome-ignore lint/a11y/noNoninteractiveTabindex: the arrow keys move a cell cursor in it
        tabIndex={0}
        aria-label={`Heatmap of ${heatmap.units.length} units of ${heatmap.address} by ${heatmap.tokens.length} tokens. Arrow keys move between cells${hasPages ? ", Enter opens the neuron" : ""}.`}
        onKeyDown={press}
        onBlur={() => setCursor(null)}
      >
        <Figure
          graph={graph}
          data={data}
          layout={layout}
          height={heatmapHeight(heatmap)}
          onHover={({ x, y }) => setCell({ row: y, token: x })}
          onClick={({ y }) => open(y)}
        />
      </div>
    </>
  );
}
