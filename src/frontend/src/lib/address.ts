/** Names of tensors and of their single coordinates, as the server writes them. */

export interface Unit {
  point: string;
  layer: number;
  index: number;
}

const ADDRESS = /^([a-z][a-z0-9_]*)\.(\d{1,6})$/;

/** `mlp_act.3` → point and layer; null for anything else. */
export function parseAddress(text: string): { point: string; layer: number } | null {
  const found = ADDRESS.exec(text);
  return found?.[1] && found[2] ? { point: found[1], layer: Number(found[2]) } : null;
}

/** `mlp_act.3:42` → unit; null for anything else. */
export function parseUnit(text: string | null): Unit | null {
  const found = /^(.+):(\d{1,9})$/.exec(text ?? "");
  const address = found?.[1] ? parseAddress(found[1]) : null;
  return address && found?.[2] ? { ...address, index: Number(found[2]) } : null;
}

export const formatAddress = (point: string, layer: number) => `${point}.${layer}`;

export const formatUnit = ({ point, layer, index }: Unit) => `${point}.${layer}:${index}`;

/** Keeps a stepper inside `0 … count - 1`. */
export const clampIndex = (value: number, count: number) => Math.max(0, Math.min(count - 1, value));
