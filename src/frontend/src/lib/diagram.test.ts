import { describe, expect, it } from "vitest";
import type { DiagramNode } from "@/api/types";
import { layerRanges, layersWord, layOut, neighbours, rowsOf } from "./diagram";

const node = (
  id: string,
  lane: DiagramNode["lane"] = "attention",
  role: DiagramNode["role"] = "linear",
): DiagramNode => ({
  id,
  role,
  lane,
  title: id,
  path: "",
  module: "",
  shape: "",
  parameters: 0,
  note: "",
  inside: [],
  points: [],
});
const flow = (source: string, target: string) => ({ source, target, kind: "flow" as const });

const sequential = {
  nodes: [
    node("in", "stream", "stream"),
    node("q"),
    node("k"),
    node("core"),
    node("sum", "stream", "sum"),
    node("loose"),
  ],
  edges: [
    flow("in", "q"),
    flow("in", "k"),
    flow("q", "core"),
    flow("k", "core"),
    flow("core", "sum"),
    flow("in", "sum"),
  ],
};

describe("rows", () => {
  it("put each box below everything that leads to it, and those without arrows last", () => {
    expect(Object.fromEntries(rowsOf(sequential))).toEqual({ in: 0, q: 1, k: 1, core: 2, sum: 3, loose: 4 });
  });

  it("end even where arrows go in a circle", () => {
    const nodes = [node("a"), node("b")];
    const rows = rowsOf({ nodes, edges: [flow("a", "b"), flow("b", "a")] });
    expect(Math.max(...rows.values())).toBeLessThan(2);
  });
});

describe("a layout", () => {
  it("keeps boxes apart, inside the picture, and the stream on one line", () => {
    const { boxes, arrows, width, height } = layOut(sequential);
    expect(arrows).toHaveLength(sequential.edges.length);
    for (const box of boxes) {
      expect(box.x).toBeGreaterThanOrEqual(0);
      expect(box.x + box.width).toBeLessThanOrEqual(width);
      expect(box.y + box.height).toBeLessThanOrEqual(height);
      for (const other of boxes.filter((one) => one !== box))
        expect(
          box.x + box.width <= other.x ||
            other.x + other.width <= box.x ||
            box.y + box.height <= other.y ||
            other.y + other.height <= box.y,
        ).toBe(true);
    }
    const middle = boxes.filter((box) => box.onStream).map((box) => box.x + box.width / 2);
    expect(new Set(middle).size).toBe(1);
  });

  it("puts attention and MLP side by side where both add at once", () => {
    const { boxes } = layOut({
      nodes: [
        node("in", "stream", "stream"),
        node("norm", "stream", "norm"),
        node("q"),
        node("up", "mlp"),
        node("add", "stream", "sum"),
      ],
      edges: [flow("in", "norm"), flow("norm", "q"), flow("norm", "up"), flow("q", "add"), flow("up", "add")],
    });
    const at = (id: string) => boxes.find((box) => box.node.id === id);
    expect(at("q")?.y).toBe(at("up")?.y);
    expect((at("q")?.x ?? 0) + (at("q")?.width ?? 0)).toBeLessThan(at("up")?.x ?? 0);
    expect(at("norm")?.onStream).toBe(false);
  });
});

describe("words", () => {
  it("name layers as a person writes them", () => {
    expect(layerRanges([0, 1, 2, 5, 7, 8])).toBe("0–2, 5, 7–8");
    expect(layersWord([3])).toBe("layer 3");
    expect(layersWord([0, 1])).toBe("layers 0–1");
  });

  it("name what flows in and out", () => {
    const block = { ...sequential, title: "", layers: [0], order: "", absent: [] };
    expect(neighbours(block, "core")).toEqual({ from: ["q", "k"], to: ["sum"] });
  });
});
