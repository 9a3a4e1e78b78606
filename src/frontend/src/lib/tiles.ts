/** What a tile shows, for those who look at it: how its cells come from units, and how its colours run. */

import type { Tile } from "./payloads";

/** Beyond this share of the cells the colour stays full, so that one unit does not leave the others pale. */
const CLIP = 0.99;

/** Where the colour is full, to either side of zero, and whether cells lie beyond. */
export function tileScale({ values }: Tile): { reach: number; clipped: boolean } {
  const sizes = values.filter(Number.isFinite).map(Math.abs).sort();
  const most = sizes.at(-1) ?? 0;
  const reach = sizes[Math.floor(CLIP * (sizes.length - 1))] || most || 1;
  return { reach, clipped: most > reach };
}

/** Rows that hold something: those below them are not worth their room. */
export const rowsOf = ({ filled, width }: Tile): number => Math.max(1, Math.ceil(filled / width));

/** The units behind a cell in words. Through a projection all units are behind each. */
export function unitsOfCell({ made }: Tile, cell: number): string {
  if (made.by === "pca") return `component ${cell + 1}`;
  if (made.by === "random") return `projection ${cell + 1}`;
  const first = cell * made.run;
  return made.run === 1 ? `unit ${first}` : `units ${first} to ${first + made.run - 1}`;
}

/** How the picture was made. */
export function tileWords({ made, height, width }: Tile): string {
  const scale = "Each picture has a scale of its own, the same to either side of zero.";
  switch (made.by) {
    case "order":
      return made.run === 1
        ? `In order: each cell is one unit, row by row, ${width} to a row. ${scale}`
        : `In order: each cell is the mean of ${made.run} neighbouring units, row by row. ${scale}`;
    case "random":
      return `At random: each cell is all units added up with signs that were drawn once (seed ${made.seed}); neighbours have nothing in common. ${scale}`;
    case "pca":
      return `By PCA: the cells are the first ${height * width} principal components of what index ${made.reference} sampled, the one of largest variance first. ${scale}`;
  }
}
