/** Changes to single units as the Live view makes them, and all kinds of changes in words. */

import type { Change } from "./liveEvents";

export const BOOST = 2;

export type Kind = "boost" | "ablate";

export const makeChange = (kind: Kind, unit: string): Change =>
  kind === "boost"
    ? { id: `boost ${unit}`, units: [unit], op: "scale", value: BOOST }
    : { id: `ablate ${unit}`, units: [unit], op: "ablate_zero" };

/** What is done to a unit alone; null where nothing is, or something else than these two. */
export function kindOf(changes: readonly Change[], unit: string): Kind | null {
  const ids = new Set(changes.map(({ id }) => id));
  return (["boost", "ablate"] as const).find((kind) => ids.has(makeChange(kind, unit).id)) ?? null;
}

/** Asking for what is there takes it out; of the two, the later one stands. */
export function toggled(changes: readonly Change[], kind: Kind, unit: string): Change[] {
  const now = kindOf(changes, unit);
  const others = changes.filter(({ id }) => now === null || id !== makeChange(now, unit).id);
  return now === kind ? others : [...others, makeChange(kind, unit)];
}

const sign = (value: unknown) => String(value).replace("-", "−");

/** `mlp_act.2:42 × 2`: the units, and what is done to them. */
export function describeChange({ units, op, value, dose_quantile: dose, source }: Change): string {
  const [first = "no unit"] = units;
  const who = units.length > 1 ? `${first} and ${units.length - 1} more` : first;
  const amount = typeof dose === "number" ? `its ${Math.round(dose * 100)} % quantile` : sign(value);
  switch (op) {
    case "scale":
      return `${who} × ${sign(value)}`;
    case "set":
      return `${who} = ${amount}`;
    case "add":
      return `${who} + ${amount}`;
    case "ablate_zero":
      return `${who} = 0`;
    case "ablate_mean":
      return `${who} = its mean`;
    case "patch":
      return `${who} from ${traceOf(source)}`;
    default:
      return `${who}: ${op}`;
  }
}

const traceOf = (source: unknown) =>
  typeof source === "object" && source !== null && "trace_id" in source
    ? `trace ${String(source.trace_id)}`
    : "another trace";
