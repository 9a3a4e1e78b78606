import { expect, it } from "vitest";
import { groupPoints, joinPoints, readClusters, readLayout } from "./scatter";

const layout = readLayout({
  result: {
    units: ["a:0", "a:1", "a:2"],
    coordinates: [
      [1, 2],
      [3, 4],
      [5, 6],
    ],
    explained: [0.6, 0.2],
  },
});
const clusters = readClusters({ result: { units: ["a:2", "a:0"], clusters: [1, 0], silhouette: 0.3 } });

it("joins by unit, whatever the order, and leaves out what only one has", () => {
  if (!layout) throw new Error("no layout");
  expect(joinPoints(layout, clusters)).toEqual([
    { unit: "a:0", x: 1, y: 2, cluster: 0 },
    { unit: "a:1", x: 3, y: 4, cluster: null },
    { unit: "a:2", x: 5, y: 6, cluster: 1 },
  ]);
});

it.each([
  null,
  undefined,
  {},
  { result: null },
  { result: { units: ["a:0"], coordinates: [] } },
  { result: { units: ["a:0"], coordinates: [["x"]] } },
  { result: { units: [1], coordinates: [[1, 2]] } },
])("takes no layout from %j", (result) => expect(readLayout(result)).toBeNull());

it("takes no clustering whose lists differ in length", () => {
  expect(readClusters({ result: { units: ["a:0"], clusters: [0, 1] } })).toBeNull();
});

it("groups points, the largest first, those without a cluster last", () => {
  const point = (unit: string, cluster: number | null) => ({ unit, x: 0, y: 0, cluster });
  const groups = groupPoints([point("a", null), point("b", 2), point("c", 1), point("d", 1)]);
  expect(groups.map((group) => group.cluster)).toEqual([1, 2, null]);
});
