import { Anchor, ScrollArea, Text } from "@mantine/core";
import { Link } from "react-router";
import type { Group } from "@/api/types";
import { CopyText } from "@/components/CopyText";
import { Panel } from "@/components/Panel";
import { useNeuronHref } from "@/state/address";
import classes from "./Neuron.module.css";

const SHOWN = 500;

/** The units of a group, each a link to its page over the same index. */
export function Members({ group, indexId }: { group: Group; indexId: string | null }) {
  const href = useNeuronHref(indexId);
  return (
    <Panel
      title="Members"
      about={String(group.units.length)}
      flush
      actions={<CopyText text={group.units.join("\n")} label="Copy the units" />}
    >
      <ScrollArea.Autosize mah={280} type="auto">
        <ul className={classes.members} data-testid="members">
          {group.units.slice(0, SHOWN).map((unit) => (
            <li key={unit}>
              <Anchor component={Link} to={href(unit)} size="sm" ff="monospace">
                {unit}
              </Anchor>
            </li>
          ))}
        </ul>
        {group.units.length > SHOWN && (
          <Text size="xs" c="dimmed" px="sm">
            and {(group.units.length - SHOWN).toLocaleString("en-US")} more: copy the units to have them all
          </Text>
        )}
      </ScrollArea.Autosize>
    </Panel>
  );
}
