/** Results of analyses, checked as they come in, and a layout joined with a clustering by unit. */

import type { AnalysisEntry, Job } from "@/api/types";

export interface LayoutResult {
  units: string[];
  coordinates: number[][];
  /** Share of the variance on each axis, where the layout has such a thing. */
  explained: number[] | null;
  klDivergence: number | null;
}

export interface ClusterResult {
  units: string[];
  clusters: number[];
  k: number;
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
const numberOr = (value: unknown) => (typeof value === "number" ? value : null);

export function readLayout(result: Job["result"]): LayoutResult | null {
  const { units, coordinates, explained_variance_ratio: explained, kl_divergence: divergence } = result ?? {};
  if (!isTexts(units) || !Array.isArray(coordinates) || coordinates.length !== units.length) return null;
  if (!coordinates.every(isNumbers)) return null;
  return {
    units,
    coordinates,
    explained: isNumbers(explained) ? explained : null,
    klDivergence: numberOr(divergence),
  };
}

export function readClusters(result: Job["result"]): ClusterResult | null {
  const { units, clusters, k, silhouette } = result ?? {};
  if (!isTexts(units) || !isNumbers(clusters) || clusters.length !== units.length) return null;
  return { units, clusters, k: numberOr(k) ?? new Set(clusters).size, silhouette: numberOr(silhouette) };
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
