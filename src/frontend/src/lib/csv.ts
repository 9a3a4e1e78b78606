/** Comma-separated values that a spreadsheet will not take for formulas. */

import { roundExact } from "./format";

export type Cell = string | number | null;

export function csvCell(cell: Cell): string {
  // The server sends null for what is not finite; an empty cell would read as zero.
  if (cell === null) return "NaN";
  if (typeof cell === "number") return String(roundExact(cell));
  const safe = /^[\s]*[=+\-@\t\r]/.test(cell) ? `'${cell}` : cell;
  return /[",\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

export const toCsv = (rows: readonly (readonly Cell[])[]) =>
  rows.map((row) => `${row.map(csvCell).join(",")}\r\n`).join("");
