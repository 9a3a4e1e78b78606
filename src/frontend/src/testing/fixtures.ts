/** Small answers of the server, true to its schema. */

import type {
  AnalysisEntry,
  Context,
  Estimate,
  Examples,
  Heatmap,
  IndexEntry,
  Job,
  Layers,
  MadeWith,
  ModelEntry,
  NeuronTop,
  System,
  TraceDetail,
  Writes,
} from "@/api/types";
import { card } from "./card";

export const TRACE_ID = "t_00000000000000000000000001";
export const INDEX_ID = "x_00000000000000000000000001";
const JOB_ID = "j_00000000000000000000000001";

export const model = (part: Partial<ModelEntry> = {}): ModelEntry => ({
  model_id: "neuronscope/tiny",
  family: "llama",
  parameters: 3_900_000,
  category: "tiny",
  quantization: "none",
  gated: false,
  recommended: false,
  source: "bundled",
  format: "safetensors",
  context_length: 512,
  revision: null,
  stored_bytes: 15_600_000,
  estimated_bytes: 21_000_000,
  needs: [
    { precision: "float32", bytes: 21_000_000, fits: true },
    { precision: "bfloat16", bytes: 12_000_000, fits: true },
    { precision: "nf4", bytes: 8_000_000, fits: true },
  ],
  loaded: true,
  loaded_as: {
    dtype: "float32",
    quantization: "none",
    device: "cpu",
    weight_bytes: 15_600_000,
    parity: "holds",
    parity_difference: 0,
  },
  loadable: true,
  note: "",
  ...part,
});

const tokens = [
  { id: 0, text: "<s>", special: true },
  { id: 1, text: "23", special: false },
  { id: 2, text: " +", special: false },
];

export const madeWith = (part: Partial<MadeWith> = {}): MadeWith => ({
  max_new_tokens: 64,
  temperature: 0,
  top_k: null,
  top_p: null,
  seed: 5,
  chat: false,
  changes: 0,
  capture_mode: "topk",
  ...part,
});

export const trace = (part: Partial<TraceDetail> = {}): TraceDetail => ({
  trace_id: TRACE_ID,
  model_id: "neuronscope/tiny",
  model_key: "k",
  created_at: "2026-01-01T00:00:00Z",
  text: "23 +",
  token_count: 3,
  steps: 1,
  bytes: 1000,
  closed: true,
  pinned: false,
  made_with: null,
  tokens,
  points: ["mlp_act.0", "mlp_act.1"],
  layers: [0, 1],
  unavailable: {},
  top: [{ id: 5, text: " 4", logprob: Math.log(0.5) }],
  ...part,
});

export const heatmap: Heatmap = {
  address: "mlp_act.0",
  by: "max",
  units: [7, 3],
  tokens,
  values: [
    [90, 1.25, -2],
    [-80, 0.5, 0.25],
  ],
};

const stats = { mean: 0.1, std: 0.5, min: -2, max: 1.25, l2: 3, sparsity: 0.25, p99: 1.2 };

export const layers: Layers = {
  point: "mlp_act",
  by: "mean_abs",
  tokens,
  layers: [
    { layer: 0, stats, per_token: [85, 0.9, 1.1] },
    { layer: 1, stats: { ...stats, std: 0.7 }, per_token: [80, 0.2, 0.3] },
  ],
};

export const index = (part: Partial<IndexEntry> = {}): IndexEntry => ({
  index_id: INDEX_ID,
  model_id: "neuronscope/tiny",
  model_key: "k",
  corpus: "bundled",
  k: 32,
  points: ["mlp_act"],
  layers: [0, 1],
  units: 8,
  documents: 10,
  tokens: 1000,
  created_at: "2026-01-01T00:00:00Z",
  bytes: 1000,
  usable: true,
  note: "",
  ...part,
});

export const neuronTop: NeuronTop = {
  model_id: "neuronscope/tiny",
  index_id: INDEX_ID,
  point: "mlp_act",
  layer: 0,
  units: [7],
  names: ["mlp_act.0:7"],
  corpus: "bundled",
  corpus_tokens: 1000,
  stats: { mean: 0.1, std: 0.4, max: 4.5, min: -1, firing_rate: 0.123 },
  contexts: [
    {
      point: "mlp_act",
      layer: 0,
      unit: 7,
      activation: 4.5,
      doc: 3,
      position: 12,
      peak: 1,
      tokens: ["12", " +", " 30"],
      activations: [0.5, 4.5, -0.25],
      special: [false, false, false],
      parts: ["arithmetic", "arithmetic", "arithmetic"],
      window: 0,
      start: 20,
      end: 22,
      file: null,
      line: null,
    },
  ],
  tokens: [{ token: " +", max: 4.5, mean: 3, count: 9, lift: 12, occurs: 30 }],
  ngrams: [
    { tokens: ["12", " +"], n: 2, max: 4.5, mean: 3, count: 4, lift: 20, occurs: 6 },
    { tokens: ["=", "12", " +"], n: 3, max: 4, mean: 3, count: 2, lift: 25, occurs: 2 },
  ],
};

const { activations: _, ...anyPlace } = neuronTop.contexts[0] as Context;

export const examples: Examples = {
  model_id: "neuronscope/tiny",
  index_id: INDEX_ID,
  point: "mlp_act",
  layer: 0,
  unit: 7,
  band: "top",
  examples: [{ ...anyPlace, activation: 1.5 }],
  spread: { edges: [-1, -0.001, 0.001, 1, 2, 4], counts: [0, 400, 100, 60, 20, 8, 2], tokens: 590 },
};

export const writes: Writes = {
  model_id: "neuronscope/tiny",
  unit: "mlp_act.0:7",
  top: [
    { id: 30, token: " four", logit: 2.5 },
    { id: 31, token: "four", logit: 1.25 },
  ],
  bottom: [{ id: 40, token: " cat", logit: -1.5 }],
  mean: 0.01,
  std: 0.3,
  left_out: ["what later layers make of it", "the division by the size of the stream, in the final norm"],
};

export const job = (part: Partial<Job> = {}): Job => ({
  job_id: JOB_ID,
  kind: "index",
  title: "Index of neuronscope/tiny over bundled",
  model_id: "neuronscope/tiny",
  state: "running",
  progress: { done: 250, total: 1000, unit: "documents", phase: "" },
  created_at: "2026-01-01T00:00:00Z",
  finished_at: null,
  result: null,
  error: null,
  ...part,
});

export const system: System = {
  cpu: { count: 2, percent: 10 },
  memory: { rss_bytes: 4e8, available_bytes: 6e9, total_bytes: 8e9 },
  gpus: [],
  ready: true,
};

const parameter = { minimum: null, maximum: null, choices: null, help: "" };

export const analyses: AnalysisEntry[] = [
  {
    name: "kmeans",
    title: "k-means",
    summary: "Groups neurons.",
    source: "",
    parameters: [
      { ...parameter, name: "k", kind: "int", default: 8, minimum: 2, maximum: 100 },
      { ...parameter, name: "seed", kind: "int", default: 0, minimum: 0 },
    ],
    result: { units: "", clusters: "" },
  },
  {
    name: "pca",
    title: "PCA",
    summary: "Lays neurons out.",
    source: "",
    parameters: [
      { ...parameter, name: "components", kind: "int", default: 2, minimum: 2, maximum: 10 },
      { ...parameter, name: "normalise", kind: "choice", default: "zscore", choices: ["none", "zscore"] },
    ],
    result: { units: "", coordinates: "" },
  },
];

export const estimate = (part: Partial<Estimate> = {}): Estimate => ({
  model_id: "local/other",
  device: "cpu",
  free_bytes: 8e9,
  chosen: "float32",
  dtype: "float32",
  quantization: "none",
  context: 512,
  fits: true,
  weights_bytes: 2e9,
  cache_bytes: 1e8,
  capture_bytes: 2e8,
  bytes: 2.3e9,
  options: [
    { precision: "float32", bytes: 2.3e9, fits: true },
    { precision: "bfloat16", bytes: 1.2e9, fits: true },
    { precision: "nf4", bytes: 6e8, fits: true },
  ],
  message: "",
  hint: "",
  ...part,
});

/** What every page asks for, whatever its view. */
export const everyday = {
  "GET /api/system": { body: system },
  "GET /api/models": {
    body: {
      models: [model(), model({ model_id: "local/other", source: "local", loaded: false, loaded_as: null })],
    },
  },
  "GET /api/jobs": { body: { jobs: [] } },
  "GET /api/traces": { body: { traces: [] } },
  "GET /api/indexes": { body: { indexes: [] } },
  "GET /api/analyses": { body: { analyses } },
  "GET /api/groups": { body: { groups: [] } },
  "GET /api/calibrations/kept": { body: { calibration: null } },
  "GET /api/neurons/writes": { body: writes },
  "GET /api/models/card": { body: card },
};

/** A trace with all that Explore asks of it. */
export const recorded = {
  [`GET /api/traces/${TRACE_ID}`]: { body: trace() },
  [`GET /api/traces/${TRACE_ID}/heatmap`]: { body: heatmap },
  [`GET /api/traces/${TRACE_ID}/layers`]: { body: layers },
};
