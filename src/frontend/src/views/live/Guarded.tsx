import { Button, Group, Text } from "@mantine/core";
import { IconLock } from "@tabler/icons-react";
import type { ReactNode } from "react";
import type { Kind } from "@/lib/changes";
import { formatValue } from "@/lib/format";
import { Rises } from "./Rises";
import classes from "./Selection.module.css";
import { useLive } from "./store";
import { useProtected } from "./useProtected";
import { answer } from "./useWish";

/** What a calibration found, in words. */
export const guardWords = (rise: number | null) =>
  rise === null
    ? "Protected: with it ablated alone the loss is no number any more."
    : `Protected: ablating it alone raises the loss by ${formatValue(rise)} nats a token.`;

/** Of a protected unit: why it is, and whether it is to be changed all the same. */
export function Guarded({ unit }: { unit: string }) {
  const rise = useProtected().get(unit);
  const asked = useLive(({ asked }) => (asked && "unit" in asked && asked.unit === unit ? asked : null));
  if (rise === undefined) return null;
  return (
    <>
      <div className={classes.guarded}>
        <IconLock size={14} aria-hidden />
        <span>{guardWords(rise)}</span>
      </div>
      {asked && (
        <Ask label="Protected unit" kind={asked.kind} what="it">
          <Text size="sm">
            The model leans on it: what it says with {unit} {done(asked.kind)} tells little about anything
            else.
          </Text>
        </Ask>
      )}
    </>
  );
}

/** Of a group that is to be changed and holds protected units: which ones, and whether it is to be changed all the same. */
export function GuardedGroup() {
  const guarded = useProtected();
  const asked = useLive(({ asked }) => (asked && "group" in asked ? asked : null));
  if (!asked) return null;
  const { kind, group } = asked;
  const found = guardedOf(guarded, group.units);
  return (
    <Ask label="Protected units of a group" kind={kind} what="them">
      <Text size="sm">
        “{group.name}” holds {found.length === 1 ? "a protected unit" : `${found.length} protected units`}.
        The model leans on {found.length === 1 ? "it" : "them"}: what it says with the group {done(kind)}{" "}
        tells little about anything else.
      </Text>
      <Rises units={found} label="Protected units of the group, the largest rise first" />
    </Ask>
  );
}

/** The protected ones among units, in the calibration's order: the largest rise first. */
export function guardedOf(guarded: ReadonlyMap<string, number | null>, units: readonly string[]) {
  const among = new Set(units);
  return [...guarded].filter(([unit]) => among.has(unit)).map(([unit, rise]) => ({ unit, rise }));
}

const done = (kind: Kind) => (kind === "boost" ? "boosted" : "ablated");

interface AskProps {
  label: string;
  kind: Kind;
  /** Of several the button says less, to stand beside the other in a narrow panel. */
  what: "it" | "them";
  children: ReactNode;
}

function Ask({ label, kind, what, children }: AskProps) {
  return (
    <section className={classes.ask} role="alert" aria-label={label}>
      {children}
      <Group gap="xs" mt={6}>
        <Button size="compact-sm" variant="default" onClick={() => answer(true)}>
          {kind === "boost" ? "Boost" : "Ablate"} {what === "it" && "it "}anyway
        </Button>
        <Button size="compact-sm" variant="subtle" color="gray" onClick={() => answer(false)}>
          Leave {what}
        </Button>
      </Group>
    </section>
  );
}
