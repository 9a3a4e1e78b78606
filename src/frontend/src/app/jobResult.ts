import type { Job } from "@/api/types";
import { resultText } from "@/lib/jobs";
import { readClusters, readLayout } from "@/lib/scatter";
import { patchSearch } from "@/lib/url";

/** Where a finished job's result is shown; null where nothing shows it. */
export function resultHref(job: Job): string | null {
  const model = resultText(job, "model_id");
  const index = resultText(job, "index_id");
  if (index) return `/neuron${patchSearch("", { model, unit: "mlp_act.0:0", index })}`;
  if (readLayout(job.result))
    return `/${patchSearch(window.location.search, { tab: "scatter", layoutJob: job.job_id })}`;
  if (readClusters(job.result))
    return `/${patchSearch(window.location.search, { tab: "scatter", clusterJob: job.job_id })}`;
  return model ? `/${patchSearch("", { model })}` : null;
}
