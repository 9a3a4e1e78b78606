import { Button, Group, Text } from "@mantine/core";
import { IconLock } from "@tabler/icons-react";
import { formatValue } from "@/lib/format";
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
  const asked = useLive(({ asked }) => (asked?.unit === unit ? asked.kind : null));
  if (rise === undefined) return null;
  return (
    <>
      <div className={classes.guarded}>
        <IconLock size={14} aria-hidden />
        <span>{guardWords(rise)}</span>
      </div>
      {asked && (
        <section className={classes.ask} role="alert" aria-label="Protected unit">
          <Text size="sm">
            The model leans on it: what it says with {unit} {asked === "boost" ? "boosted" : "ablated"} tells
            little about anything else.
          </Text>
          <Group gap="xs" mt={6}>
            <Button size="compact-sm" variant="default" onClick={() => answer(true)}>
              {asked === "boost" ? "Boost" : "Ablate"} it anyway
            </Button>
            <Button size="compact-sm" variant="subtle" color="gray" onClick={() => answer(false)}>
              Leave it
            </Button>
          </Group>
        </section>
      )}
    </>
  );
}
