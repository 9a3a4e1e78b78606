/** Changes to single units as the Live view makes them, and all kinds of changes in words. */

import type { Change, ReceiptLine } from "./liveEvents";

export const BOOST = 2;

export type Kind = "boost" | "ablate";

/** With `override` a unit is changed that a calibration protects. */
export function makeChange(kind: Kind, unit: string, override = false): Change {
  const made =
    kind === "boost"
      ? { id: `boost ${unit}`, units: [unit], op: "scale", value: BOOST }
      : { id: `ablate ${unit}`, units: [unit], op: "ablate_zero" };
  return override ? knowingly(made) : made;
}

/** What of a group a change needs. */
export interface GroupUnits {
  group_id: string;
  name: string;
  units: readonly string[];
}

/** The same done to all units of a group. */
export const groupChange = (kind: Kind, group: GroupUnits, override = false): Change => ({
  ...makeChange(kind, group.group_id, override),
  units: group.units,
});

/** A change of protected units that a person has to confirm: of one of them, or of a group that holds some. */
export type Asked = { kind: Kind; unit: string } | { kind: Kind; group: GroupUnits };

/** The changes with one more, or in place of the one that has its id. */
export const withChange = (changes: readonly Change[], one: Change): Change[] => [
  ...changes.filter(({ id }) => id !== one.id),
  one,
];

/** The change as it is made knowingly. */
export const knowingly = (change: Change): Change => ({ ...change, override_protection: true });

/** Whether it may change protected units. */
export const overrides = (change: Change): boolean => change.override_protection === true;

/** What is done to a unit alone; null where nothing is, or something else than these two. */
export function kindOf(changes: readonly Change[], unit: string): Kind | null {
  const ids = new Set(changes.map(({ id }) => id));
  return (["boost", "ablate"] as const).find((kind) => ids.has(makeChange(kind, unit).id)) ?? null;
}

/** Asking for what is there takes it out; of the two, the later one stands. */
export function toggled(changes: readonly Change[], kind: Kind, unit: string, override = false): Change[] {
  const now = kindOf(changes, unit);
  const others = changes.filter(({ id }) => now === null || id !== makeChange(now, unit).id);
  return now === kind ? others : [...others, makeChange(kind, unit, override)];
}

/**
 * The value that changes gave a unit at a step, where they alone tell it: the last of them that set it, and what scaled or
 * added after. `lines` are the step's receipts. Null where it hangs on what the model computed.
 */
export function valueMade(
  changes: readonly Change[],
  lines: readonly ReceiptLine[],
  unit: string,
): number | null {
  let made: number | null = null;
  for (const { id, units, op, value, positions = "all" } of changes) {
    if (!units.includes(unit) || !lines.some((line) => line.id === id && line.fired)) continue;
    const amount = typeof value === "number" ? value : null;
    if (Array.isArray(positions)) made = null;
    else if (op === "ablate_zero") made = 0;
    else if (op === "set") made = amount;
    else if (made === null || amount === null) made = null;
    else if (op === "scale") made *= amount;
    else made = op === "add" ? made + amount : null;
  }
  return made;
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
