/** Where the boxes and arrows of a block's diagram go: rows by the longest way from the stream's entrance, lanes side by side. */

import type { BlockDiagram, DiagramNode } from "@/api/types";

export const BOX = { width: 158, height: 58, gap: 14, row: 82, ring: 13 };
const STREAM_X = 78;
const BRANCH_X = 138;

export interface Placed {
  node: DiagramNode;
  /** On the line of the stream: drawn as a ring or a pill there. */
  onStream: boolean;
  x: number;
  y: number;
  width: number;
  height: number;
}

export interface Arrow {
  key: string;
  path: string;
  kind: "flow" | "residual" | "choice";
}

export interface Layout {
  boxes: Placed[];
  arrows: Arrow[];
  width: number;
  height: number;
}

const isOnStream = (node: DiagramNode) =>
  node.role === "stream" || node.role === "sum" || node.id.startsWith("norm-sum");

/** Rows of the boxes: each one below everything that leads to it. Boxes without arrows come last. */
export function rowsOf({ nodes, edges }: Pick<BlockDiagram, "nodes" | "edges">): Map<string, number> {
  const rows = new Map(nodes.map((node) => [node.id, 0]));
  // As often as there are boxes is enough for any order of the arrows; an arrow in a circle would stop there too.
  for (let pass = 0; pass < nodes.length; pass += 1) {
    let moved = false;
    for (const { source, target } of edges) {
      const wanted = (rows.get(source) ?? 0) + 1;
      if (wanted > (rows.get(target) ?? 0) && wanted < nodes.length) {
        rows.set(target, wanted);
        moved = true;
      }
    }
    if (!moved) break;
  }
  const last = Math.max(0, ...rows.values());
  const joined = new Set(edges.flatMap(({ source, target }) => [source, target]));
  for (const node of nodes) if (!joined.has(node.id)) rows.set(node.id, last + 1);
  return rows;
}

export function layOut(block: Pick<BlockDiagram, "nodes" | "edges">): Layout {
  const rows = rowsOf(block);
  const parallel = block.nodes.some((node) => node.id === "add");
  const laneOf = (node: DiagramNode) => (parallel && node.lane === "mlp" ? "right" : "left");
  const spans = (node: DiagramNode) => parallel && node.lane === "stream" && !isOnStream(node);
  const cells = new Map<string, DiagramNode[]>();
  for (const node of block.nodes) {
    if (isOnStream(node)) continue;
    const key = `${rows.get(node.id)}|${spans(node) ? "both" : laneOf(node)}`;
    cells.set(key, [...(cells.get(key) ?? []), node]);
  }
  const widest = (lane: string) =>
    Math.max(
      0,
      ...[...cells].filter(([key]) => key.endsWith(`|${lane}`)).map(([, held]) => span(held.length)),
    );
  const left = Math.max(widest("left"), BOX.width);
  const right = widest("right");
  const full = Math.max(left + (right > 0 ? 2 * BOX.gap + right : 0), widest("both"));
  const lanes: Record<string, [number, number]> = {
    left: [BRANCH_X, left],
    right: [BRANCH_X + left + 2 * BOX.gap, right],
    both: [BRANCH_X, full],
  };
  const boxes: Placed[] = [];
  for (const [key, held] of cells) {
    const [row = "0", lane = "left"] = key.split("|");
    const [start, room] = lanes[lane] ?? [BRANCH_X, left];
    held.forEach((node, at) => {
      boxes.push({
        node,
        onStream: false,
        x: start + (room - span(held.length)) / 2 + at * (BOX.width + BOX.gap),
        y: Number(row) * BOX.row + 6,
        width: BOX.width,
        height: BOX.height,
      });
    });
  }
  for (const node of block.nodes.filter(isOnStream)) {
    const size = node.role === "sum" ? 2 * BOX.ring : 76;
    const height = node.role === "sum" ? 2 * BOX.ring : 34;
    const y = (rows.get(node.id) ?? 0) * BOX.row + 6 + (BOX.height - height) / 2;
    boxes.push({ node, onStream: true, x: STREAM_X - size / 2, y, width: size, height });
  }
  const places = new Map(boxes.map((box) => [box.node.id, box]));
  const arrows = block.edges.flatMap(({ source, target, kind }) => {
    const [from, to] = [places.get(source), places.get(target)];
    return from && to ? [{ key: `${source}>${target}`, kind, path: arrow(from, to) }] : [];
  });
  const height = (Math.max(0, ...rows.values()) + 1) * BOX.row;
  return { boxes, arrows, width: BRANCH_X + full + 8, height };
}

const span = (count: number) => count * BOX.width + (count - 1) * BOX.gap;

/** Down, across and down again, with rounded corners; onto the stream from its side. */
function arrow(from: Placed, to: Placed): string {
  const start = { x: from.x + from.width / 2, y: from.y + from.height };
  const end = { x: to.x + to.width / 2, y: to.y };
  if (Math.abs(start.x - end.x) < 1) return `M${start.x} ${start.y}V${end.y}`;
  if (to.onStream && !from.onStream) {
    const middle = to.y + to.height / 2;
    return bend(start.x, start.y, middle, to.x + to.width);
  }
  const turn = from.onStream ? Math.min(start.y + 10, end.y - 12) : end.y - 12;
  const way = end.x > start.x ? 1 : -1;
  const r = Math.max(0, Math.min(6, Math.abs(end.x - start.x) / 2, end.y - turn, turn - start.y));
  return [
    `M${start.x} ${start.y}V${turn - r}`,
    `Q${start.x} ${turn} ${start.x + way * r} ${turn}`,
    `H${end.x - way * r}`,
    `Q${end.x} ${turn} ${end.x} ${turn + r}V${end.y}`,
  ].join("");
}

function bend(x: number, y: number, middle: number, side: number): string {
  const r = Math.min(6, Math.max(0, middle - y));
  return `M${x} ${y}V${middle - r}Q${x} ${middle} ${x - r} ${middle}H${side}`;
}

/** `0–3, 7`: layers as a person writes them. */
export function layerRanges(layers: readonly number[]): string {
  const runs: [number, number][] = [];
  for (const layer of layers) {
    const last = runs.at(-1);
    if (last && layer === last[1] + 1) last[1] = layer;
    else runs.push([layer, layer]);
  }
  return runs.map(([first, last]) => (first === last ? `${first}` : `${first}–${last}`)).join(", ");
}

export const layersWord = (layers: readonly number[]) =>
  `${layers.length === 1 ? "layer" : "layers"} ${layerRanges(layers)}`;

/** What flows into a box and out of it, by title, for the list that says the same as the drawing. */
export function neighbours(block: BlockDiagram, id: string): { from: string[]; to: string[] } {
  const title = (other: string) => block.nodes.find((node) => node.id === other)?.title ?? other;
  return {
    from: block.edges.filter(({ target }) => target === id).map(({ source }) => title(source)),
    to: block.edges.filter(({ source }) => source === id).map(({ target }) => title(target)),
  };
}

/** A, B, C … of the kinds of blocks. */
export const letter = (kind: number) =>
  String.fromCharCode(65 + (kind % 26)) + (kind < 26 ? "" : String(Math.floor(kind / 26)));
