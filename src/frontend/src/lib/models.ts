import type { ModelEntry } from "@/api/types";

/** Every word of the search must occur in the id, family, source, format or size class. */
export function filterModels(models: readonly ModelEntry[], search: string): ModelEntry[] {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  return models.filter((model) => {
    const { model_id, family, source, category, format } = model;
    const text = `${model_id} ${family} ${source} ${category} ${format ?? ""}`.toLowerCase();
    return words.every((word) => text.includes(word));
  });
}

export interface ModelGroup {
  title: string;
  models: ModelEntry[];
}

/** As one looks for a model: what runs, what is here, what is good to begin with, and the rest; beside them chat servers. */
export function groupModels(models: readonly ModelEntry[]): ModelGroup[] {
  const titles = [
    "In memory",
    "On this machine",
    "On chat servers",
    "Good to start with, from the hub",
    "More of the hub",
  ];
  const place = ({ loaded, source, recommended }: ModelEntry) => {
    if (source === "chat") return 2;
    return loaded ? 0 : source !== "hub" ? 1 : recommended ? 3 : 4;
  };
  return titles
    .map((title, at) => ({ title, models: models.filter((model) => place(model) === at) }))
    .filter((group) => group.models.length > 0);
}

/** Whether the list is there and the model is not in it: neither on disk nor loaded nor known of the hub. */
export const isMissing = (models: readonly ModelEntry[] | undefined, modelId: string) =>
  models !== undefined && !models.some((one) => one.model_id === modelId);

/* What the program itself names so is on this machine or nowhere. */
const OWN = ["local/", "neuronscope/"];

export const isOwnId = (text: string) => OWN.some((prefix) => `${text.toLowerCase()}/`.startsWith(prefix));

/** `owner/name` or a bare name, as the hub writes ids; never what this machine names itself, nor the start of it. */
export const looksLikeHubId = (text: string) =>
  !isOwnId(text) && /^[A-Za-z0-9][\w.-]*(\/[A-Za-z0-9][\w.-]*)?$/.test(text) && text.length <= 200;

/** A model's own page on the hub, where its licence is accepted. */
export const hubPage = (modelId: string) => `https://huggingface.co/${modelId}`;
