/** The figure of a comparison: one point per neuron, coloured by its layer. */

import type { PrecisionSummary } from "@/api/types";
import { plotInk } from "@/components/plot/Figure";
import { formatUnit } from "@/lib/address";
import { precisionWord } from "@/lib/precision";

export const AXES = ["change", "means"] as const;
export type Axes = (typeof AXES)[number];

type Points = PrecisionSummary["points"];

/** Places of the neurons that have both figures and lie in the chosen layer. */
export function shownPlaces(points: Points, axes: Axes, layer: number | null): number[] {
  return points.unit.flatMap((_, at) => {
    if (layer !== null && points.layer[at] !== layer) return [];
    const known = axes === "means" || (points.correlation[at] !== null && points.mean_shift[at] !== null);
    return known ? [at] : [];
  });
}

/** One layer needs no scale: it is drawn in the page's own colour. */
const ALONE = { dark: "#38d1b4", light: "#007563" };

export function scatterData(
  summary: PrecisionSummary,
  axes: Axes,
  layer: number | null,
  theme: "dark" | "light",
): object[] {
  const { points, a, b } = summary;
  const places = shownPlaces(points, axes, layer);
  const pick = <T>(column: readonly T[]) => places.map((at) => column[at]);
  const [x, y] =
    axes === "change"
      ? [pick(points.correlation), pick(points.mean_shift)]
      : [pick(points.mean_a), pick(points.mean_b)];
  const last = Math.max(...points.layer, 1);
  const words =
    axes === "change"
      ? "correlation %{x:.3f}<br>mean shift %{y:.3f} std"
      : `mean in ${precisionWord(a)} %{x:.4f}<br>mean in ${precisionWord(b)} %{y:.4f}`;
  return [
    {
      type: "scatter",
      mode: "markers",
      x,
      y,
      customdata: places.map((at) =>
        formatUnit({ point: "mlp_act", layer: points.layer[at] ?? 0, index: points.unit[at] ?? 0 }),
      ),
      marker: {
        color: layer === null ? pick(points.layer) : ALONE[theme],
        colorscale: "Viridis",
        cmin: 0,
        cmax: last,
        size: places.length > 1500 ? 4 : 6,
        opacity: 0.7,
        line: { width: 0 },
        showscale: layer === null && last > 1,
        colorbar: {
          title: { text: "layer", side: "top" },
          thickness: 10,
          outlinewidth: 0,
          tick0: 0,
          dtick: Math.max(1, Math.ceil(last / 8)),
        },
      },
      hovertemplate: `%{customdata}<br>${words}<extra></extra>`,
    },
  ];
}

export function scatterLayout(summary: PrecisionSummary, axes: Axes, theme: "dark" | "light") {
  const ink = plotInk(theme);
  const axis = (text: string) => ({
    gridcolor: ink.grid,
    zerolinecolor: ink.grid,
    title: { text, font: { size: 11 }, standoff: 8 },
  });
  const { a, b, points } = summary;
  const [x, y] =
    axes === "change"
      ? ["correlation of A and B", "mean shift, in std of A"]
      : [`mean in ${precisionWord(a)}`, `mean in ${precisionWord(b)}`];
  const ends = [...points.mean_a, ...points.mean_b];
  const [low, high] = [Math.min(...ends), Math.max(...ends)];
  return {
    margin: { l: 56, r: 8, t: 8, b: 42 },
    showlegend: false,
    uirevision: axes,
    xaxis: axis(x),
    yaxis: axis(y),
    // Where nothing changes, all points lie on this line.
    shapes:
      axes === "means"
        ? [
            {
              type: "line",
              layer: "below",
              x0: low,
              y0: low,
              x1: high,
              y1: high,
              line: { color: ink.text, width: 1, dash: "dot" },
            },
          ]
        : [],
  };
}
