/** Layers as a person writes them. */

const PART = /^(\d{1,5})(?:\s*[-–]\s*(\d{1,5}))?$/;
const MOST = 512;

/** `0-2, 5` → [0, 1, 2, 5]; [] for an empty text, which means all; null where it can't be read. */
export function parseLayers(text: string): number[] | null {
  const found = new Set<number>();
  for (const part of text.split(",").map((one) => one.trim())) {
    if (part === "") continue;
    const read = PART.exec(part);
    if (!read?.[1]) return null;
    const [from, to] = [Number(read[1]), Number(read[2] ?? read[1])];
    if (to < from || to - from >= MOST) return null;
    for (let layer = from; layer <= to; layer += 1) found.add(layer);
  }
  return found.size > MOST ? null : [...found].sort((a, b) => a - b);
}

/** [0, 1, 2, 5] → `0–2, 5`. */
export function spellLayers(layers: readonly number[]): string {
  const runs: [number, number][] = [];
  for (const layer of [...layers].sort((a, b) => a - b)) {
    const last = runs.at(-1);
    if (last && layer <= last[1] + 1) last[1] = layer;
    else runs.push([layer, layer]);
  }
  return runs.map(([from, to]) => (from === to ? `${from}` : `${from}–${to}`)).join(", ");
}
