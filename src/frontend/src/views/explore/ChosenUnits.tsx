import { Anchor, Button, Group } from "@mantine/core";
import { Link } from "react-router";
import { useSession } from "@/state/session";
import { useUnitLinks } from "./useUnitLinks";

export const SELECTION_ID = "chosen-units";

/** Beside the plot: how many units are chosen, and the way to them; their list may be off the screen. */
export function ChosenUnits() {
  const selection = useSession((session) => session.selection);
  const href = useUnitLinks();
  const [first] = selection?.units ?? [];
  const only = selection?.units.length === 1 && first ? { unit: first, to: href(first) } : null;
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
      {only?.to && (
        <Anchor component={Link} to={only.to} size="sm">
          Open {only.unit}
        </Anchor>
      )}
    </Group>
  );
}
