/** What Plotly is told to draw. Axes count rows and tokens, as tokens repeat and unit numbers would be sorted. */

import type { Heatmap } from "@/api/types";
import { plotInk } from "@/components/plot/Figure";
import { colourScale, type Theme } from "@/lib/colour";
import { formatExact, formatMark } from "@/lib/format";
import { colourBarTicks, type Scaled } from "@/lib/heatmapScale";
import { clipToken, showToken } from "@/lib/tokens";

/* Equal to --ns-gutter and --ns-legend, so that columns stand below those of the strip. */
const LEFT = 68;
const RIGHT = 72;
const TOP = 6;

const label = (text: string) => clipToken(text, 10);
const slanted = ({ tokens }: Heatmap) => tokens.length > 14;

/** Room for the tokens below, as long as the longest of them. */
function bottom(heatmap: Heatmap): number {
  const longest = Math.max(1, ...heatmap.tokens.map((token) => [...label(token.text)].length));
  return slanted(heatmap) ? 16 + 6 * longest : 28;
}

export const heatmapHeight = (heatmap: Heatmap) =>
  Math.max(280, Math.min(1100, heatmap.units.length * 10.5)) + TOP + bottom(heatmap);

export function heatmapData(heatmap: Heatmap, scaled: Scaled, log: boolean, theme: Theme): object[] {
  const ticks = colourBarTicks(scaled, log);
  const wide = heatmap.units.length <= 60 && heatmap.tokens.length <= 60;
  return [
    {
      type: "heatmap",
      z: scaled.z,
      zmin: scaled.min,
      zmax: scaled.max,
      colorscale: colourScale(scaled.signed, theme),
      xgap: wide ? 1 : 0,
      ygap: wide ? 1 : 0,
      // Plotly reads a few tags in texts; a token must stay text.
      text: heatmap.values.map((row, at) =>
        row.map(
          (value, token) =>
            `<b>${heatmap.address}:${heatmap.units[at]}</b><br>${token} “${escapeTags(showToken(heatmap.tokens[token]?.text ?? ""))}”<br>${formatExact(value)}`,
        ),
      ),
      hovertemplate: "%{text}<extra></extra>",
      colorbar: {
        thickness: 8,
        len: 1,
        lenmode: "fraction",
        y: 0.5,
        x: 1,
        xpad: 10,
        ypad: 0,
        outlinewidth: 0,
        tickmode: "array",
        tickvals: ticks.at,
        ticktext: ticks.labels.map((mark) => beyond(mark, scaled) + formatMark(mark)),
        tickfont: { size: 10 },
      },
    },
  ];
}

/** The sign before the end of a scale that some values pass. */
function beyond(mark: number, { clipped, reach }: Scaled): string {
  if (!clipped || Math.abs(mark) !== reach) return "";
  return mark > 0 ? "≥ " : "≤ ";
}

export const escapeTags = (text: string) =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

/** Every nth place, so that at most `room` labels stand side by side. */
export function thin(count: number, room: number): number[] {
  const step = Math.max(1, Math.ceil(count / room));
  return Array.from({ length: Math.ceil(count / step) }, (_, at) => at * step);
}

export function heatmapLayout(
  heatmap: Heatmap,
  theme: Theme,
  cursor: { row: number; token: number } | null,
): Record<string, unknown> {
  const ink = plotInk(theme);
  const columns = thin(heatmap.tokens.length, 56);
  const rows = thin(heatmap.units.length, 100);
  const axis = {
    showgrid: false,
    zeroline: false,
    fixedrange: true,
    tickmode: "array",
    ticks: "",
    showline: false,
  };
  const shapes: object[] = [];
  heatmap.tokens.forEach((token, at) => {
    // Special tokens are drawn but veiled: their values lie outside the colour range.
    if (token.special)
      shapes.push({
        type: "rect",
        xref: "x",
        yref: "paper",
        x0: at - 0.5,
        x1: at + 0.5,
        y0: 0,
        y1: 1,
        line: { width: 0 },
        fillcolor: ink.label,
        opacity: 0.55,
      });
  });
  if (cursor)
    shapes.push({
      type: "rect",
      x0: cursor.token - 0.5,
      x1: cursor.token + 0.5,
      y0: cursor.row - 0.5,
      y1: cursor.row + 0.5,
      line: { color: ink.text, width: 2 },
    });
  return {
    margin: { l: LEFT, r: RIGHT, t: TOP, b: bottom(heatmap) },
    xaxis: {
      ...axis,
      tickvals: columns,
      ticktext: columns.map((at) => escapeTags(label(heatmap.tokens[at]?.text ?? ""))),
      tickangle: slanted(heatmap) ? -60 : 0,
      range: [-0.5, heatmap.tokens.length - 0.5],
    },
    yaxis: {
      ...axis,
      tickvals: rows,
      ticktext: rows.map((at) => `#${heatmap.units[at]}`),
      tickfont: { size: heatmap.units.length > 60 ? 8 : 10 },
      range: [heatmap.units.length - 0.5, -0.5],
    },
    shapes,
  };
}
