import type { ModelEntry } from "@/api/types";

/** Every word of the search must occur in the id, family or source. */
export function filterModels(models: readonly ModelEntry[], search: string): ModelEntry[] {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  return models.filter((model) => {
    const text = `${model.model_id} ${model.family} ${model.source} ${model.category}`.toLowerCase();
    return words.every((word) => text.includes(word));
  });
}

/** Whether the list is there and the model is not in it: neither on disk nor loaded nor known of the hub. */
export const isMissing = (models: readonly ModelEntry[] | undefined, modelId: string) =>
  models !== undefined && !models.some((one) => one.model_id === modelId);

/** `owner/name` or a bare name, as the hub writes ids. */
export const looksLikeHubId = (text: string) =>
  /^[A-Za-z0-9][\w.-]*(\/[A-Za-z0-9][\w.-]*)?$/.test(text) && text.length <= 200;
