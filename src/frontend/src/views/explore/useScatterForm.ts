import { useAnalyses, useRunAnalysis } from "@/api/queries/analyses";
import { ofNeurons, useIndexes } from "@/api/queries/indexes";
import type { AnalysisEntry, AnalysisRequest, TraceDetail } from "@/api/types";
import { mergeParameters, pickDeclared, problemWith, valuesFrom } from "@/lib/parameters";
import { isClustering, isLayout } from "@/lib/scatter";
import { useModelId, usePatch } from "@/state/address";
import { NEURONS } from "./options";
import { useScatterOptions } from "./scatterOptions";
import { useShown } from "./shown";

const byName = (entries: readonly AnalysisEntry[], name: string | null) =>
  entries.find((one) => one.name === name);

/** Everything the scatter's form shows, and what its button does. */
export function useScatterForm(trace: TraceDetail | null) {
  const modelId = useModelId();
  const shown = useShown();
  const options = useScatterOptions();
  const patch = usePatch();
  const registry = useAnalyses();
  const indexes = useIndexes();
  const start = useRunAnalysis();

  const analyses = registry.data?.analyses ?? [];
  const layouts = analyses.filter(isLayout);
  const clusterings = analyses.filter(isClustering);
  const layout = byName(layouts, options.layout) ?? layouts[0];
  const fallback = clusterings[0]?.name ?? "layer";
  const colour = options.colour ?? fallback;
  const clustering = byName(clusterings, colour);
  const parameters = mergeParameters(layout?.parameters ?? [], clustering?.parameters ?? []);
  const values = valuesFrom(parameters, options.texts);

  const usable = ofNeurons(indexes.data?.indexes, modelId);
  const sources = [
    ...(trace ? [{ value: "trace", label: "this prompt" }] : []),
    ...usable.map((one) => ({ value: one.index_id, label: `corpus: ${one.corpus}` })),
  ];
  const source = sources.find((one) => one.value === options.source)?.value ?? sources[0]?.value ?? null;
  const layers =
    source === "trace"
      ? (shown?.layers ?? [])
      : (usable.find((one) => one.index_id === source)?.layers ?? []);
  const onlyLayer = layers.find((one) => one === options.onlyLayer) ?? null;
  const valid =
    layout !== undefined &&
    source !== null &&
    parameters.every((one) => problemWith(one, values[one.name] ?? "") === null);

  const run = async () => {
    if (!layout || source === null) return;
    const request = (entry: AnalysisEntry): AnalysisRequest => ({
      ...(source === "trace" ? { trace_id: trace?.trace_id ?? null } : { index_id: source }),
      point: source === "trace" ? (shown?.point ?? NEURONS) : NEURONS,
      layers: onlyLayer === null ? null : [onlyLayer],
      parameters: pickDeclared(entry.parameters, values),
    });
    const layoutJob = await start.mutateAsync({ name: layout.name, body: request(layout) });
    const clusterJob =
      clustering && (await start.mutateAsync({ name: clustering.name, body: request(clustering) }));
    patch({ layoutJob: layoutJob.job_id, clusterJob: clusterJob?.job_id ?? null }, { push: true });
  };

  return {
    registry,
    indexesPending: indexes.isPending,
    layouts,
    clusterings,
    layout,
    colour,
    parameters,
    values,
    sources,
    source,
    layers,
    onlyLayer,
    /** What of the prompt is placed; null where the source is a corpus, which holds neurons alone. */
    shown: source === "trace" ? shown : null,
    valid,
    // The rejection is kept by the mutation and shown from there.
    run: () => void run().catch(() => undefined),
    starting: start.isPending,
    startError: start.error,
  };
}
