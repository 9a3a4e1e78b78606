import type { LayerRow, Layers } from "@/api/types";
import { sampleScale, type Theme } from "@/lib/colour";

export interface Range {
  min: number;
  max: number;
  signed: boolean;
}

/** Range over all layers, special tokens left out; symmetric about zero where a value is negative. */
export function stripRange({ layers, tokens }: Layers): Range {
  let low = 0;
  let high = 0;
  const ordinary = tokens.some((token) => !token.special);
  for (const row of layers)
    row.per_token.forEach((value, at) => {
      if ((ordinary && tokens[at]?.special) || !Number.isFinite(value)) return;
      low = Math.min(low, value);
      high = Math.max(high, value);
    });
  const reach = Math.max(high, -low) || 1;
  return low < 0 ? { min: -reach, max: reach, signed: true } : { min: 0, max: reach, signed: false };
}

export interface StripRow {
  layer: number;
  /** Null where the layer has no such point; then `reason` says why. */
  row: LayerRow | null;
  reason: string;
}

/** The rows that are there and the layers that have none, in the model's order. */
export function allLayers(
  rows: readonly LayerRow[],
  missing: ReadonlyMap<number, string> | undefined,
): StripRow[] {
  const there = rows.map((row): StripRow => ({ layer: row.layer, row, reason: "" }));
  const gone = [...(missing ?? [])]
    .filter(([layer]) => !rows.some((row) => row.layer === layer))
    .map(([layer, reason]): StripRow => ({ layer, row: null, reason }));
  return [...there, ...gone].sort((a, b) => a.layer - b.layer);
}

/** One pixel a cell; the style sheet stretches the canvas. A layer that is missing stays empty. */
export function paintStrip(
  canvas: HTMLCanvasElement,
  rows: readonly StripRow[],
  tokens: Layers["tokens"],
  range: Range,
  theme: Theme,
): void {
  const context = canvas.getContext("2d");
  if (!context || rows.length === 0 || tokens.length === 0) return;
  canvas.width = tokens.length;
  canvas.height = rows.length;
  const image = context.createImageData(tokens.length, rows.length);
  rows.forEach(({ row }, y) => {
    row?.per_token.forEach((value, x) => {
      if (!Number.isFinite(value)) return;
      const colour = sampleScale((value - range.min) / (range.max - range.min), range.signed, theme);
      image.data.set([...colour, 255], (y * tokens.length + x) * 4);
    });
  });
  context.putImageData(image, 0, 0);
}
