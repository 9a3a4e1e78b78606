import { formatPercent, formatValue } from "@/lib/format";
import { readChoice } from "@/lib/url";
import { useParams } from "@/state/address";

export const COLUMNS = ["mean", "std", "min", "max", "l2", "sparsity", "p99"] as const;
export type Column = (typeof COLUMNS)[number];

export const ABOUT: Record<Column, string> = {
  mean: "mean of all values",
  std: "standard deviation",
  min: "smallest value",
  max: "largest value",
  l2: "Euclidean norm",
  sparsity: "share of values below a thousandth of the largest",
  p99: "99th percentile",
};

export const show = (column: Column, value: number) =>
  column === "sparsity" ? formatPercent(value) : formatValue(value);

/** The statistic that is drawn over the layers. */
export const useColumn = (): Column => readChoice(useParams(), "stat", COLUMNS, "std");
