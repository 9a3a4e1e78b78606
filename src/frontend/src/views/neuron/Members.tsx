import { ActionIcon, Anchor, Button, Group as Line, ScrollArea, Text, TextInput } from "@mantine/core";
import { IconX } from "@tabler/icons-react";
import { type FormEvent, useState } from "react";
import { Link } from "react-router";
import { useChangeGroup } from "@/api/queries/groups";
import type { Group } from "@/api/types";
import { CopyText } from "@/components/CopyText";
import { ErrorNote } from "@/components/Notice";
import { Panel } from "@/components/Panel";
import { useNeuronHref, usePatch } from "@/state/address";
import classes from "./Neuron.module.css";

const SHOWN = 500;

/** The units of a group, each a link to its page over the same index; units can be taken out and added. */
export function Members({ group, indexId }: { group: Group; indexId: string | null }) {
  const href = useNeuronHref(indexId);
  const patch = usePatch();
  const change = useChangeGroup(group.group_id);
  const [draft, setDraft] = useState("");
  const named = draft.split(/[\s,]+/).filter((unit) => unit !== "");
  // What drove the units of before together is not what drives these.
  const changed = { onSuccess: () => patch({ togetherJob: null }) };
  const add = (event: FormEvent) => {
    event.preventDefault();
    if (named.length === 0) return;
    change.mutate(
      { add: named, remove: [] },
      {
        onSuccess: () => {
          setDraft("");
          changed.onSuccess();
        },
      },
    );
  };
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
              {group.units.length > 1 && (
                <ActionIcon
                  size="sm"
                  variant="subtle"
                  color="gray"
                  aria-label={`Take ${unit} out of the group`}
                  disabled={change.isPending}
                  onClick={() => change.mutate({ add: [], remove: [unit] }, changed)}
                >
                  <IconX size={14} />
                </ActionIcon>
              )}
            </li>
          ))}
        </ul>
        {group.units.length > SHOWN && (
          <Text size="xs" c="dimmed" px="sm">
            and {(group.units.length - SHOWN).toLocaleString("en-US")} more: copy the units to have them all
          </Text>
        )}
      </ScrollArea.Autosize>
      <Line component="form" px="sm" pt="xs" gap="xs" wrap="nowrap" onSubmit={add}>
        <TextInput
          size="xs"
          flex={1}
          ff="monospace"
          aria-label="Units to add"
          placeholder="mlp_act.2:42, resid_post.1:7"
          value={draft}
          onChange={(event) => setDraft(event.currentTarget.value)}
        />
        <Button
          type="submit"
          size="xs"
          variant="default"
          disabled={named.length === 0}
          loading={change.isPending}
        >
          Add
        </Button>
      </Line>
      {change.error && <ErrorNote error={change.error} compact />}
    </Panel>
  );
}
