/** A small comparison, true to the server's schema. */

import type { PrecisionNeuron, PrecisionSummary } from "@/api/types";

export const COMPARISON_ID = "p_00000000000000000000000001";

const layer = (part: Partial<PrecisionSummary["layers"][number]>): PrecisionSummary["layers"][number] => ({
  layer: 0,
  neurons: 2,
  median_correlation: 0.99,
  worst_correlation: 0.8,
  low_share: 0.1,
  relative_error: 0.05,
  median_shift: 0.01,
  top_shared: 0.9,
  not_finite: 0,
  ...part,
});

export const comparison = (part: Partial<PrecisionSummary> = {}): PrecisionSummary => ({
  comparison_id: COMPARISON_ID,
  model_id: "neuronscope/tiny",
  a: "float32",
  b: "nf4",
  device: "cpu",
  created_at: "2026-01-01T00:00:00+00:00",
  prompts: 9,
  tokens: 1120,
  neurons: 4,
  top_k: 10,
  weight_bytes_a: 6_000_000,
  weight_bytes_b: 1_500_000,
  loss_a: 3.2,
  loss_b: 3.5,
  same_next: 0.875,
  layers: [layer({ layer: 0 }), layer({ layer: 1, median_correlation: 0.95, low_share: 0.25 })],
  points: {
    layer: [0, 0, 1, 1],
    unit: [0, 1, 0, 1],
    correlation: [0.99, 0.8, null, 0.95],
    mean_shift: [0.01, -0.2, null, 0.05],
    mean_a: [0.1, 0.2, 0, 0.4],
    mean_b: [0.1, 0.15, 0, 0.41],
  },
  ...part,
});

export const neuron = (part: Partial<PrecisionNeuron> = {}): PrecisionNeuron => ({
  layer: 0,
  unit: 1,
  correlation: 0.8,
  mean_shift: -0.2,
  relative_error: 0.3,
  rank_change: -12,
  top_shared: 0.7,
  mean_a: 0.2,
  mean_b: 0.15,
  max_a: 2,
  max_b: 1.9,
  ...part,
});
