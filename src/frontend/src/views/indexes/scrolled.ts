/** Which pages are in view, and where a key leads. */

import { PAGE } from "@/api/queries/neuronTable";

/** Numbers of the pages that hold the rows `from` to `to`, both included. */
export function pagesOf(from: number, to: number): number[] {
  const first = Math.floor(from / PAGE);
  return Array.from({ length: Math.floor(to / PAGE) - first + 1 }, (_, step) => first + step);
}

/** The row that a key leads to; null for any other key, and where there are no rows. */
export function moveTo(key: string, active: number | null, count: number, visible: number): number | null {
  const from = active ?? -1;
  const steps: Record<string, number> = {
    ArrowDown: from + 1,
    ArrowUp: from - 1,
    PageDown: from + visible,
    PageUp: from - visible,
    Home: 0,
    End: count - 1,
  };
  const to = steps[key];
  return to === undefined || count === 0 ? null : Math.max(0, Math.min(count - 1, to));
}
