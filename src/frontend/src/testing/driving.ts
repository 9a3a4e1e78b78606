/** What jobs that run the model found, true to the server's schema. */

import type { Job } from "@/api/types";
import type { Shortest, Together } from "@/lib/driving";
import { job as anyJob, INDEX_ID } from "./fixtures";

export const GROUP_ID = "g_00000000000000000000000001";

export const group = {
  group_id: GROUP_ID,
  name: "sums",
  model_id: "neuronscope/tiny",
  model_key: "k",
  units: ["mlp_act.0:7", "mlp_act.1:3"],
  made_by: "hand" as const,
  created_at: "2026-01-01T00:00:00Z",
  index_id: null as string | null,
};

export const job = (kind: string, part: Partial<Job> = {}): Job =>
  anyJob({
    kind,
    title: `A ${kind} of mlp_act.0:7`,
    progress: { done: 40, total: 1000, unit: "tokens", phase: "" },
    ...part,
  });

export const shortest: Shortest = {
  unit: "mlp_act.0:7",
  context: ["12", " +", " 30", " =", " 4"],
  tokens: ["30", " =", " 4"],
  text: "30 = 4",
  before: 4.5,
  after: 4,
  as_typed: 3.9,
  same_tokens: true,
  share: 0.8,
  cut: 1,
  deleted: 1,
  texts: 9,
  run_tokens: 40,
  complete: true,
};

const place = {
  doc: 3,
  window: 0,
  position: 12,
  peak: 1,
  tokens: ["12", " +", " 30"],
  special: [false, false, false],
  parts: null,
  start: null,
  end: null,
  file: null,
  line: null,
};

export const together: Together = {
  index_id: INDEX_ID,
  units: group.units,
  contexts: [
    { ...place, score: 3.5, scores: [0.5, 3.5, 1], activations: [4.5, 2] },
    { ...place, doc: 5, score: 2.5, scores: [0.25, 2.5, 1], activations: [3, 1] },
  ],
  tokens: [{ token: " +", max: 3.5, mean: 3, count: 2, lift: 12, occurs: 30 }],
  ngrams: [{ tokens: ["12", " +"], n: 2, max: 3.5, mean: 3, count: 2, lift: 20, occurs: 6 }],
  candidates: 1060,
  searched: 1000,
  bound: 3,
  certain: 1,
  constant: [],
};
