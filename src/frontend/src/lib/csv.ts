/** Comma-separated values that a spreadsheet will not take for formulas. */

import { roundExact } from "./format";

export type Cell = string | number;

export function csvCell(cell: Cell): string {
  if (typeof cell === "number") return String(roundExact(cell));
  const safe = /^[\s]*[=+\-@\t\r]/.test(cell) ? `'${cell}` : cell;
  return /[",\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

export const toCsv = (rows: readonly (readonly Cell[])[]) =>
  rows.map((row) => `${row.map(csvCell).join(",")}\r\n`).join("");
