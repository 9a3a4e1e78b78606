import { Button, Group, SegmentedControl } from "@mantine/core";
import { IconDownload, IconLasso, IconMarquee2 } from "@tabler/icons-react";
import { useMemo, useRef, useState } from "react";
import { Figure, type PlotPoint, plotInk } from "@/components/plot/Figure";
import { saveImage } from "@/components/plot/save";
import { useThemeName } from "@/components/useThemeName";
import { groupStyle } from "@/lib/colour";
import { formatPercent } from "@/lib/format";
import { groupPoints, type LayoutResult, type Point } from "@/lib/scatter";
import { useSession } from "@/state/session";
import { ChosenUnits } from "./ChosenUnits";

interface ScatterPlotProps {
  points: readonly Point[];
  layout: LayoutResult;
  groupWord: string;
}

const HEIGHT = 560;

const unitOf = ({ customdata }: PlotPoint) => (typeof customdata === "string" ? customdata : null);

export function ScatterPlot({ points, layout, groupWord }: ScatterPlotProps) {
  const theme = useThemeName();
  const graph = useRef<HTMLElement | null>(null);
  const [drag, setDrag] = useState<"lasso" | "select">("lasso");
  const select = useSession((session) => session.select);
  const selection = useSession((session) => session.selection);

  const data = useMemo(() => {
    const chosen = new Set(selection?.units);
    return groupPoints(points).map(({ cluster, points: members }) => {
      const { colour, symbol } =
        cluster === null ? { colour: plotInk(theme).text, symbol: "circle" } : groupStyle(cluster);
      return {
        type: "scatter",
        mode: "markers",
        name: cluster === null ? "units" : `${groupWord} ${cluster}`,
        x: members.map((point) => point.x),
        y: members.map((point) => point.y),
        customdata: members.map((point) => point.unit),
        marker: {
          color: colour,
          symbol,
          size: points.length > 2000 ? 5 : 7,
          opacity: 0.8,
          line: { width: 0 },
        },
        selectedpoints:
          chosen.size > 0 ? members.flatMap((point, at) => (chosen.has(point.unit) ? [at] : [])) : null,
        selected: { marker: { opacity: 1 } },
        unselected: { marker: { opacity: 0.2 } },
        hovertemplate: `%{customdata}${cluster === null ? "" : `<br>${groupWord} ${cluster}`}<extra></extra>`,
      };
    });
  }, [points, selection, groupWord, theme]);

  const figure = useMemo(() => {
    const ink = plotInk(theme);
    const axis = (place: number) => ({
      gridcolor: ink.grid,
      zerolinecolor: ink.grid,
      showticklabels: false,
      ticks: "",
      title: {
        text: layout.explained
          ? `component ${place + 1} · ${formatPercent(layout.explained[place] ?? 0)} of the variance`
          : "",
        font: { size: 11 },
      },
    });
    return {
      margin: { l: 34, r: 12, t: 8, b: 34 },
      showlegend: false,
      xaxis: axis(0),
      yaxis: axis(1),
      uirevision: "scatter",
      // The lasso's outline goes once its points are chosen: they show it themselves.
      selections: [],
      selectionrevision: selection?.units.length ?? 0,
    };
  }, [layout, theme, selection]);

  return (
    <div data-testid="scatter">
      <Group justify="space-between" px="sm" pb={4}>
        <SegmentedControl
          size="xs"
          aria-label="Way of selecting"
          value={drag}
          onChange={(next) => setDrag(next === "select" ? "select" : "lasso")}
          data={[
            { value: "lasso", label: <ToolLabel icon={<IconLasso size={14} aria-hidden />} text="Lasso" /> },
            {
              value: "select",
              label: <ToolLabel icon={<IconMarquee2 size={14} aria-hidden />} text="Box" />,
            },
          ]}
        />
        <ChosenUnits />
        <Group gap="xs">
          {(["png", "svg"] as const).map((format) => (
            <Button
              key={format}
              size="compact-sm"
              variant="default"
              leftSection={<IconDownload size={14} aria-hidden />}
              aria-label={`Save as ${format.toUpperCase()}`}
              onClick={() => saveImage(graph.current, format, "scatter")}
            >
              {format.toUpperCase()}
            </Button>
          ))}
        </Group>
      </Group>
      <Figure
        graph={graph}
        data={data}
        layout={figure}
        height={HEIGHT}
        dragmode={drag}
        onClick={(point) => {
          const unit = unitOf(point);
          if (unit) select("Chosen neuron", [unit]);
        }}
        onSelect={(chosen) => {
          const units = chosen.flatMap((point) => unitOf(point) ?? []);
          if (units.length > 0) select(drag === "lasso" ? "Lasso" : "Box", units);
        }}
      />
    </div>
  );
}

function ToolLabel({ icon, text }: { icon: React.ReactNode; text: string }) {
  return (
    <Group gap={4} wrap="nowrap">
      {icon}
      {text}
    </Group>
  );
}
