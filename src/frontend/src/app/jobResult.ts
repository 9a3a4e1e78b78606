import type { IndexEntry, Job } from "@/api/types";
import { resultText } from "@/lib/jobs";
import { readClusters, readLayout } from "@/lib/scatter";
import { patchSearch } from "@/lib/url";

/** Where a finished job's result is shown; null where nothing shows it. */
export function resultHref(job: Job, indexes: readonly IndexEntry[], search: string): string | null {
  const model = resultText(job, "model_id");
  const index = indexes.find((one) => one.index_id === resultText(job, "index_id"));
  if (job.kind === "index") {
    return index ? `/indexes${patchSearch("", { model: index.model_id, index: index.index_id })}` : null;
  }
  const driven = { model: model ?? job.model_id, index: resultText(job, "index_id") };
  const unit = resultText(job, "unit");
  if (job.kind === "shortest" && unit)
    return `/neuron${patchSearch("", { ...driven, unit, shortJob: job.job_id })}`;
  if (job.kind === "together" && resultText(job, "group_id"))
    return `/neuron${patchSearch("", { ...driven, group: resultText(job, "group_id"), togetherJob: job.job_id })}`;
  if (job.kind === "weights" && model) return `/${patchSearch("", { model, card: "weights" })}`;
  const precision = resultText(job, "comparison_id");
  if (precision) return `/${patchSearch("", { model: job.model_id, card: "precision", precision })}`;
  const scatter = {
    tab: "scatter",
    ...(index
      ? { model: index.model_id, source: index.index_id }
      : { trace: resultText(job, "trace_id"), source: "trace" }),
  };
  if (readLayout(job.result)) return `/${patchSearch(search, { ...scatter, layoutJob: job.job_id })}`;
  if (readClusters(job.result)) return `/${patchSearch(search, { ...scatter, clusterJob: job.job_id })}`;
  return model ? `/${patchSearch("", { model })}` : null;
}
