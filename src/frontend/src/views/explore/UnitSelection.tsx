import { ActionIcon, Anchor, CopyButton, Group, ScrollArea, Text, Tooltip } from "@mantine/core";
import { IconCheck, IconCopy, IconX } from "@tabler/icons-react";
import { Link } from "react-router";
import { Panel } from "@/components/Panel";
import { useSession } from "@/state/session";
import { SELECTION_ID } from "./ChosenUnits";
import { useUnitLinks } from "./useUnitLinks";

const SHOWN = 200;

/** The units chosen by click, lasso or cluster, each a link to its page. */
export function UnitSelection() {
  const selection = useSession((session) => session.selection);
  const clear = useSession((session) => session.clearSelection);
  const href = useUnitLinks();
  if (!selection)
    return (
      <Panel title="Selection">
        <Text size="sm" c="dimmed">
          Click a point, draw a lasso, or press a cluster: its units will be listed here.
        </Text>
      </Panel>
    );
  const { title, units } = selection;
  return (
    <Panel
      title={title}
      about={`${units.length} ${units.length === 1 ? "unit" : "units"}`}
      actions={
        <Group gap={4}>
          <CopyButton value={units.join("\n")}>
            {({ copied, copy }) => (
              <Tooltip label={copied ? "Copied" : "Copy the ids"}>
                <ActionIcon variant="subtle" color="gray" onClick={copy} aria-label="Copy the ids">
                  {copied ? <IconCheck size={16} /> : <IconCopy size={16} />}
                </ActionIcon>
              </Tooltip>
            )}
          </CopyButton>
          <Tooltip label="Clear the selection">
            <ActionIcon variant="subtle" color="gray" onClick={clear} aria-label="Clear the selection">
              <IconX size={16} />
            </ActionIcon>
          </Tooltip>
        </Group>
      }
    >
      <ScrollArea.Autosize
        mah={300}
        type="auto"
        viewportProps={{ id: SELECTION_ID, tabIndex: 0, "aria-label": "Selected units" }}
      >
        <Group gap="xs" data-testid="selection">
          {units.slice(0, SHOWN).map((unit) => {
            const to = href(unit);
            return to ? (
              <Anchor key={unit} component={Link} to={to} size="xs" ff="monospace">
                {unit}
              </Anchor>
            ) : (
              <Text key={unit} span size="xs" ff="monospace" title="No index holds units of this point">
                {unit}
              </Text>
            );
          })}
        </Group>
        {units.length > SHOWN && (
          <Text size="xs" c="dimmed" mt="xs">
            and {units.length - SHOWN} more: copy the ids to have them all
          </Text>
        )}
      </ScrollArea.Autosize>
    </Panel>
  );
}
