import { Skeleton } from "@mantine/core";
import { type CSSProperties, lazy, type RefObject, Suspense, useMemo } from "react";
import { useThemeName } from "../useThemeName";

const Plot = lazy(() => import("./plotly"));

export interface PlotPoint {
  x: number;
  y: number;
  customdata?: unknown;
}

interface FigureProps {
  data: object[];
  layout: Record<string, unknown>;
  height: number;
  graph: RefObject<HTMLElement | null>;
  dragmode?: string | false;
  onHover?: (point: PlotPoint) => void;
  onLeave?: () => void;
  onClick?: (point: PlotPoint) => void;
  onSelect?: (points: PlotPoint[]) => void;
}

interface PlotEvent {
  points?: PlotPoint[];
}

/** Colours of the parts of a plot that are not data, for either theme. */
const INK = {
  dark: { text: "#b7bfcb", grid: "#2a323c", label: "#0c1015" },
  light: { text: "#465060", grid: "#dde2e8", label: "#ffffff" },
};

export const plotInk = (theme: "dark" | "light") => INK[theme];

/** A Plotly figure in the page's own dress, loaded when the first one is drawn. */
export function Figure({
  data,
  layout,
  height,
  graph,
  dragmode = false,
  onHover,
  onLeave,
  onClick,
  onSelect,
}: FigureProps) {
  const theme = useThemeName();
  const dressed = useMemo(() => {
    const ink = INK[theme];
    return {
      autosize: true,
      height,
      dragmode,
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
      font: {
        family: "ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace",
        size: 11,
        color: ink.text,
      },
      hoverlabel: {
        bgcolor: ink.label,
        bordercolor: ink.grid,
        font: { color: ink.text, size: 12 },
        align: "left",
      },
      ...layout,
    };
  }, [theme, height, dragmode, layout]);
  const style: CSSProperties = { width: "100%", height };
  return (
    <Suspense fallback={<Skeleton height={height} />}>
      <Plot
        data={data}
        layout={dressed}
        config={CONFIG}
        style={style}
        useResizeHandler
        onInitialized={(_figure, element) => {
          graph.current = element;
        }}
        onHover={(event: PlotEvent) => event.points?.[0] && onHover?.(event.points[0])}
        onUnhover={() => onLeave?.()}
        onClick={(event: PlotEvent) => event.points?.[0] && onClick?.(event.points[0])}
        onSelected={(event: PlotEvent | undefined) => event?.points && onSelect?.(event.points)}
      />
    </Suspense>
  );
}

const CONFIG = { displaylogo: false, displayModeBar: false, responsive: true, doubleClick: "reset" };
