/** The table's order and filters, as they stand in the address. */

import type { IndexEntry, NeuronRow, NeuronTableAsked } from "@/api/types";
import { formatPercent, formatValue } from "@/lib/format";
import { readChoice, readFlag } from "@/lib/url";

export type Sort = NonNullable<NeuronTableAsked["sort"]>;

export interface Column {
  sort: Sort;
  head: string;
  about: string;
  /** Its first order when its head is pressed. */
  descending: boolean;
  /** null where the table draws the cell itself. */
  show: ((row: NeuronRow) => string) | null;
}

const KURTOSIS =
  "How far its rare values lie beyond its usual ones: high where few tokens drive it far, about 0 where its values are normally distributed (over a sample of the corpus)";

export const COLUMNS: readonly Column[] = [
  // Within a layer the server keeps the order of the units.
  { sort: "layer", head: "unit", about: "By layer and number", descending: false, show: null },
  {
    sort: "firing_rate",
    head: "fires on",
    about: "Share of the corpus's tokens on which it is above zero",
    descending: true,
    show: (row) => formatPercent(row.firing_rate),
  },
  {
    sort: "max",
    head: "max",
    about: "Its strongest activation",
    descending: true,
    show: (row) => formatValue(row.max),
  },
  {
    sort: "mean",
    head: "mean",
    about: "Mean activation",
    descending: true,
    show: (row) => formatValue(row.mean),
  },
  {
    sort: "std",
    head: "std",
    about: "Standard deviation",
    descending: true,
    show: (row) => formatValue(row.std),
  },
  {
    sort: "min",
    head: "min",
    about: "Its lowest activation",
    descending: false,
    show: (row) => formatValue(row.min),
  },
  {
    sort: "kurtosis",
    head: "kurtosis",
    about: KURTOSIS,
    descending: true,
    show: (row) => (row.kurtosis === null ? "–" : formatValue(row.kurtosis)),
  },
  {
    sort: "top_token",
    head: "strongest on",
    about: "What its strongest context peaks on",
    descending: false,
    show: null,
  },
];

const SORTS = COLUMNS.map(({ sort }) => sort);

/** A filter that is a number: its key in the address, what it is called, what it stands for on the server. */
export interface Bound {
  key: string;
  label: string;
  field: "min_firing_rate" | "max_firing_rate" | "min_max" | "min_kurtosis";
  /** What the number is divided by on its way to the server. */
  scale: number;
  minimum?: number;
  maximum?: number;
  /** What the figure is, where its name does not tell. */
  about?: string;
}

export const BOUNDS: readonly Bound[] = [
  { key: "rateMin", label: "Fires on ≥ %", field: "min_firing_rate", scale: 100, minimum: 0, maximum: 100 },
  { key: "rateMax", label: "Fires on ≤ %", field: "max_firing_rate", scale: 100, minimum: 0, maximum: 100 },
  { key: "maxMin", label: "Max ≥", field: "min_max", scale: 1 },
  { key: "kurtosisMin", label: "Kurtosis ≥", field: "min_kurtosis", scale: 1, about: KURTOSIS },
];

/** Every key of the address that narrows the table. */
export const FILTERS = ["q", "layers", "point", ...BOUNDS.map(({ key }) => key)];

/** The number at `key`, within the bound; null where there is none. */
export function readBound(params: URLSearchParams, { key, minimum, maximum }: Bound): number | null {
  const text = params.get(key);
  if (text === null || text.trim() === "" || !Number.isFinite(Number(text))) return null;
  return Math.max(minimum ?? -Infinity, Math.min(maximum ?? Infinity, Number(text)));
}

/** What the address asks of an index. A layer or a point that the index does not hold is left out. */
export function readAsked(params: URLSearchParams, modelId: string, index: IndexEntry): NeuronTableAsked {
  const layers = (params.get("layers") ?? "")
    .split(",")
    .filter((part) => /^\d{1,5}$/.test(part))
    .map(Number)
    .filter((layer) => index.layers.includes(layer));
  const bounds = BOUNDS.map((bound) => {
    const value = readBound(params, bound);
    return [bound.field, value === null ? null : value / bound.scale] as const;
  });
  return {
    model_id: modelId,
    index_id: index.index_id,
    ...readOrder(params),
    point: readPoint(params, index),
    search: (params.get("q") ?? "").slice(0, 100),
    ...(layers.length > 0 ? { layers } : {}),
    ...Object.fromEntries(bounds.filter(([, value]) => value !== null)),
  };
}

/** Whose units are listed: the neurons first, where the index holds them. */
export const readPoint = (params: URLSearchParams, index: IndexEntry): string =>
  readChoice(
    params,
    "point",
    index.points,
    index.points.includes("mlp_act") ? "mlp_act" : (index.points[0] ?? "mlp_act"),
  );

const firstOrder = (sort: Sort) => COLUMNS.find((column) => column.sort === sort)?.descending ?? true;

/** The key `turned` stands for the other order than a column's own. */
export function readOrder(params: URLSearchParams): { sort: Sort; descending: boolean } {
  const sort = readChoice(params, "sort", SORTS, "max");
  return { sort, descending: readFlag(params, "turned") !== firstOrder(sort) };
}

/** What pressing a column's head changes: another column, or the other order of the same. */
export function pressHead(params: URLSearchParams, sort: Sort): { sort: Sort; turned: boolean } {
  return { sort, turned: readOrder(params).sort === sort && !readFlag(params, "turned") };
}
