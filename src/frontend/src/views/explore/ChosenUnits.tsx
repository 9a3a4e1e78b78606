import { Anchor, Button, Group } from "@mantine/core";
import { Link } from "react-router";
import { parseUnit } from "@/lib/address";
import { useNeuronHref } from "@/state/address";
import { useSession } from "@/state/session";

export const SELECTION_ID = "chosen-units";

/** Beside the plot: how many units are chosen, and the way to them; their list may be off the screen. */
export function ChosenUnits() {
  const selection = useSession((session) => session.selection);
  const href = useNeuronHref();
  const [first] = selection?.units ?? [];
  // Only MLP neurons are indexed, so only they have a page of their own.
  const only = selection?.units.length === 1 && first && parseUnit(first)?.point === "mlp_act" ? first : null;
  return (
    <Group gap="xs" aria-live="polite" data-testid="chosen">
      {selection && (
        <Button
          size="compact-sm"
          variant="default"
          onClick={() => {
            const list = document.getElementById(SELECTION_ID);
            list?.scrollIntoView({ block: "nearest" });
            list?.focus({ preventScroll: true });
          }}
        >
          {selection.units.length.toLocaleString("en-US")} chosen
        </Button>
      )}
      {only && (
        <Anchor component={Link} to={href(only)} size="sm">
          Open {only}
        </Anchor>
      )}
    </Group>
  );
}
