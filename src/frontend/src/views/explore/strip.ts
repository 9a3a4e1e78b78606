import type { Layers } from "@/api/types";
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
      if (ordinary && tokens[at]?.special) return;
      low = Math.min(low, value);
      high = Math.max(high, value);
    });
  const reach = Math.max(high, -low) || 1;
  return low < 0 ? { min: -reach, max: reach, signed: true } : { min: 0, max: reach, signed: false };
}

/** One pixel a cell; the style sheet stretches the canvas. */
export function paintStrip(
  canvas: HTMLCanvasElement,
  { layers, tokens }: Layers,
  range: Range,
  theme: Theme,
): void {
  const context = canvas.getContext("2d");
  if (!context || layers.length === 0 || tokens.length === 0) return;
  canvas.width = tokens.length;
  canvas.height = layers.length;
  const image = context.createImageData(tokens.length, layers.length);
  layers.forEach((row, y) => {
    row.per_token.forEach((value, x) => {
      const colour = sampleScale((value - range.min) / (range.max - range.min), range.signed, theme);
      image.data.set([...colour, 255], (y * tokens.length + x) * 4);
    });
  });
  context.putImageData(image, 0, 0);
}
