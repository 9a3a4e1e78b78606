/** From the parameters that an analysis declares to a form's values, and back to what is sent. */

import type { Parameter } from "@/api/types";

export type ParameterValue = number | string | boolean;
export type ParameterValues = Record<string, ParameterValue>;

export function defaultValue(parameter: Parameter): ParameterValue {
  const value = parameter.default;
  if (typeof value === "number" || typeof value === "string" || typeof value === "boolean") return value;
  if (parameter.kind === "bool") return false;
  if (parameter.kind === "choice") return parameter.choices?.[0] ?? "";
  return parameter.minimum ?? 0;
}

/** A text from the address as a value of the declared kind, else the default. A number out of range stays: the form says so. */
export function parseParameter(parameter: Parameter, text: string | undefined): ParameterValue {
  const fallback = defaultValue(parameter);
  if (text === undefined) return fallback;
  if (parameter.kind === "bool") return text === "true";
  if (parameter.kind === "choice") return parameter.choices?.includes(text) ? text : fallback;
  const number = Number(text);
  return text.trim() !== "" && Number.isFinite(number) ? number : fallback;
}

/** Why the value cannot be sent, or null. */
export function problemWith(parameter: Parameter, value: ParameterValue): string | null {
  if (parameter.kind === "bool") return typeof value === "boolean" ? null : "Choose yes or no";
  if (parameter.kind === "choice")
    return parameter.choices?.includes(String(value)) ? null : "Choose one of the list";
  if (typeof value !== "number" || !Number.isFinite(value)) return "Enter a number";
  if (parameter.kind === "int" && !Number.isInteger(value)) return "Enter a whole number";
  if (parameter.minimum !== null && value < parameter.minimum) return `At least ${parameter.minimum}`;
  if (parameter.maximum !== null && value > parameter.maximum) return `At most ${parameter.maximum}`;
  return null;
}

export function valuesFrom(parameters: readonly Parameter[], texts: Record<string, string>): ParameterValues {
  return Object.fromEntries(parameters.map((one) => [one.name, parseParameter(one, texts[one.name])]));
}

/** Only what the analysis declares: two analyses can be given one set of values. */
export function pickDeclared(parameters: readonly Parameter[], values: ParameterValues): ParameterValues {
  const picked: ParameterValues = {};
  for (const { name } of parameters) {
    const value = values[name];
    if (value !== undefined) picked[name] = value;
  }
  return picked;
}

/** Both lists without repeats: a shared parameter is asked for once. */
export function mergeParameters(first: readonly Parameter[], second: readonly Parameter[]): Parameter[] {
  const known = new Set(first.map((one) => one.name));
  return [...first, ...second.filter((one) => !known.has(one.name))];
}

/** `max_units` → `Max units`. */
export function labelOf(parameter: Pick<Parameter, "name">): string {
  const words = parameter.name.replaceAll("_", " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}
