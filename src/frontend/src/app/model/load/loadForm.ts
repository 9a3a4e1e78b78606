/** The form of a load: what a person chose, and the request that it makes. */

import type { EstimateAsked } from "@/api/queries/models";
import type { Precision, System } from "@/api/types";
import { precisionOptions } from "@/lib/precision";
import type { LoadWay } from "../useChooseModel";

export interface LoadForm {
  /** null: the server chooses. */
  precision: Precision | null;
  /** "": the best there is. */
  device: string;
  revision: string;
  modules: Record<string, string>;
}

export const EMPTY_FORM: LoadForm = { precision: null, device: "", revision: "", modules: {} };

/** Parts that can be named by hand, with where they are looked for and how such a name looks. */
export const MODULE_FIELDS: readonly { name: string; about: string; example: string }[] = [
  { name: "blocks", about: "the list of blocks, from the model's root", example: "model.layers" },
  { name: "final_norm", about: "the norm after the last block, from the root", example: "model.norm" },
  { name: "attention", about: "the attention of a block", example: "self_attn" },
  { name: "q", about: "queries", example: "self_attn.q_proj" },
  { name: "k", about: "keys", example: "self_attn.k_proj" },
  { name: "v", about: "values", example: "self_attn.v_proj" },
  { name: "qkv", about: "queries, keys and values in one", example: "attn.c_attn" },
  { name: "attn_out", about: "what attention writes through", example: "self_attn.o_proj" },
  { name: "mlp", about: "the MLP of a block", example: "mlp" },
  { name: "mlp_in", about: "what the MLP reads through", example: "mlp.fc_in" },
  { name: "gate", about: "the gate of a gated MLP", example: "mlp.gate_proj" },
  { name: "up", about: "what the gate is multiplied with", example: "mlp.up_proj" },
  { name: "gate_up", about: "gate and up in one", example: "mlp.gate_up_proj" },
  { name: "mlp_out", about: "what the MLP writes through", example: "mlp.down_proj" },
  { name: "ln1", about: "the norm before attention", example: "input_layernorm" },
  { name: "ln2", about: "the norm before the MLP", example: "post_attention_layernorm" },
];

const PATH = /^[A-Za-z_]\w*(\.[A-Za-z0-9_]+)*$/;
const REVISION = /^[\w./-]+$/;

/** Why a dotted name can't be sent, or null where it can. */
export const pathFault = (path: string): string | null =>
  path.trim() === "" || PATH.test(path.trim()) ? null : "Names joined by dots, as in mlp.down_proj";

export const revisionFault = (revision: string): string | null =>
  revision.trim() === "" || REVISION.test(revision.trim()) ? null : "A branch, a tag or a commit";

export const formFault = (form: LoadForm): string | null =>
  revisionFault(form.revision) ?? Object.values(form.modules).map(pathFault).find(Boolean) ?? null;

/** What to weigh: all but the modules' names, which change nothing about it. */
export const toEstimate = (modelId: string, form: LoadForm): EstimateAsked => ({
  model_id: modelId,
  ...precisionOptions(form.precision),
  ...(form.device ? { device: form.device } : {}),
  ...(form.revision.trim() && !revisionFault(form.revision) ? { revision: form.revision.trim() } : {}),
});

/** What a load is asked for. An empty form asks for nothing in particular, and so never replaces what is loaded. */
export function toWay(form: LoadForm): LoadWay {
  const { model_id: _, ...options } = toEstimate("", form);
  const named = Object.entries(form.modules)
    .map(([name, path]) => [name, path.trim()] as const)
    .filter(([, path]) => path !== "");
  return { ...options, ...(named.length > 0 ? { modules: Object.fromEntries(named) } : {}) };
}

/** The devices that this machine has; `best` is the one that would be taken. */
export function deviceChoices(
  gpus: System["gpus"],
  best: string | undefined,
): { value: string; label: string }[] {
  return [
    { value: "", label: best ? `the best there is: ${best}` : "the best there is" },
    { value: "cpu", label: "CPU" },
    ...(best === "mps" ? [{ value: "mps", label: "Apple GPU" }] : []),
    ...gpus.map(({ name }, at) => ({ value: `cuda:${at}`, label: `GPU ${at} · ${name}` })),
    ...(gpus.length > 0 ? [{ value: "auto", label: "spread over all cards, the rest in memory" }] : []),
  ];
}
