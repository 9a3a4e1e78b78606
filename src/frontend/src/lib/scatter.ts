/** Results of analyses, checked as they come in, and a layout joined with a clustering by unit. */

import type { AnalysisEntry, Job } from "@/api/types";

export interface LayoutResult {
  units: string[];
  coordinates: number[][];
  /** Share of the variance on each axis, where the layout has such a thing. */
  explained: number[] | null;
  divergence: number | null;
}

export interface ClusterResult {
  units: string[];
  clusters: number[];
  silhouette: number | null;
}

export interface Point {
  unit: string;
  x: number;
  y: number;
  /** null where the clustering did not see the unit. */
  cluster: number | null;
}

const isNumbers = (value: unknown): value is number[] =>
  Array.isArray(value) && value.every((one) => typeof one === "number");
const isTexts = (value: unknown): value is string[] =>
  Array.isArray(value) && value.every((one) => typeof one === "string");
/** What the analysis itself gave; beside it in the job's result stands what it was given. */
function figures(result: Job["result"]): Record<string, unknown> {
  const inner = result?.result;
  return typeof inner === "object" && inner !== null ? { ...inner } : {};
}
const numberOr = (value: unknown) => (typeof value === "number" ? value : null);

export function readLayout(result: Job["result"]): LayoutResult | null {
  const { units, coordinates, explained, divergence } = figures(result);
  if (!isTexts(units) || !Array.isArray(coordinates) || coordinates.length !== units.length) return null;
  if (!coordinates.every(isNumbers)) return null;
  return {
    units,
    coordinates,
    explained: isNumbers(explained) ? explained : null,
    divergence: numberOr(divergence),
  };
}

export function readClusters(result: Job["result"]): ClusterResult | null {
  const { units, clusters, silhouette } = figures(result);
  if (!isTexts(units) || !isNumbers(clusters) || clusters.length !== units.length) return null;
  return { units, clusters, silhouette: numberOr(silhouette) };
}

/** An analysis that places units is a layout, one that groups them a clustering: its declaration says which. */
export const isLayout = (entry: Pick<AnalysisEntry, "result">) => "coordinates" in entry.result;
export const isClustering = (entry: Pick<AnalysisEntry, "result">) => "clusters" in entry.result;

export function joinPoints(layout: LayoutResult, clusters: ClusterResult | null): Point[] {
  const groups = new Map(clusters?.units.map((unit, place) => [unit, clusters.clusters[place] ?? null]));
  return layout.units.map((unit, place) => {
    const [x = 0, y = 0] = layout.coordinates[place] ?? [];
    return { unit, x, y, cluster: groups.get(unit) ?? null };
  });
}

/** Points by cluster, largest cluster first, those without one last. */
export function groupPoints(points: readonly Point[]): { cluster: number | null; points: Point[] }[] {
  const groups = new Map<number | null, Point[]>();
  for (const point of points) {
    const group = groups.get(point.cluster);
    if (group) group.push(point);
    else groups.set(point.cluster, [point]);
  }
  return [...groups]
    .map(([cluster, members]) => ({ cluster, points: members }))
    .sort((a, b) => {
      if (a.cluster === null || b.cluster === null)
        return a.cluster === b.cluster ? 0 : a.cluster === null ? 1 : -1;
      return b.points.length - a.points.length || a.cluster - b.cluster;
    });
}
