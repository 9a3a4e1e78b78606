import { ActionIcon, Button, Group, Stack, Text, Tooltip } from "@mantine/core";
import { IconArrowLeft, IconTrash } from "@tabler/icons-react";
import { useState } from "react";
import { Link } from "react-router";
import { useDeleteGroup } from "@/api/queries/groups";
import type { Group as GroupOut, IndexEntry } from "@/api/types";
import { CopyText } from "@/components/CopyText";
import { Dialog } from "@/components/Dialog";
import { ErrorNote } from "@/components/Notice";
import { formatAgo } from "@/lib/format";
import { patchSearch } from "@/lib/url";
import { useModelId, usePatch } from "@/state/address";
import { GroupName } from "./GroupName";
import { IndexChoice } from "./IndexChoice";
import classes from "./Neuron.module.css";
import { SteerMenu } from "./SteerMenu";

interface HeaderProps {
  group: GroupOut;
  indexes: readonly IndexEntry[];
  indexId: string | null;
}

const MADE: Record<string, string> = {
  hand: "made by hand",
  lasso: "made with a lasso",
  clustering: "made by a clustering",
};

/** The group's name, where it comes from, and the ways to rename, copy and delete it. */
export function GroupHeader({ group, indexes, indexId }: HeaderProps) {
  const modelId = useModelId();
  const [doomed, setDoomed] = useState(false);
  const count = group.units.length;
  return (
    <header className={classes.head}>
      <Group gap="xs" wrap="nowrap" miw={0}>
        <Tooltip label="All groups">
          <ActionIcon
            component={Link}
            to={`/neuron${patchSearch("", { model: modelId })}`}
            variant="default"
            aria-label="All groups"
          >
            <IconArrowLeft size={16} />
          </ActionIcon>
        </Tooltip>
        <GroupName key={group.group_id} group={group} />
      </Group>
      <Text size="xs" c="dimmed">
        {count} {count === 1 ? "unit" : "units"} of {group.model_id}, {MADE[group.made_by]}{" "}
        {formatAgo(group.created_at)}
      </Text>
      <Group gap="xs" ml="auto">
        <SteerMenu of={{ group: group.group_id }} />
        <CopyText text={group.group_id} label="Copy the group’s id, for interventions" />
        <Tooltip label="Delete">
          <ActionIcon
            size="sm"
            variant="subtle"
            color="gray"
            aria-label={`Delete the group ${group.name}`}
            onClick={() => setDoomed(true)}
          >
            <IconTrash size={14} />
          </ActionIcon>
        </Tooltip>
        <IndexChoice indexes={indexes} indexId={indexId} />
      </Group>
      {doomed && <DeleteDialog group={group} onClose={() => setDoomed(false)} />}
    </header>
  );
}

function DeleteDialog({ group, onClose }: { group: GroupOut; onClose: () => void }) {
  const remove = useDeleteGroup();
  const patch = usePatch();
  return (
    <Dialog title="Delete this group?" opened onClose={onClose} size="sm">
      <Stack gap="sm">
        <Text size="sm">
          The group “{group.name}” goes. Its units stay as they are, and what was recorded with it keeps them.
        </Text>
        {remove.error && <ErrorNote error={remove.error} compact />}
        <Group justify="flex-end" gap="xs">
          <Button variant="default" size="compact-md" onClick={onClose}>
            Keep it
          </Button>
          <Button
            color="red.8"
            size="compact-md"
            loading={remove.isPending}
            onClick={() =>
              remove.mutate(group.group_id, { onSuccess: () => patch({ group: null, togetherJob: null }) })
            }
          >
            Delete
          </Button>
        </Group>
      </Stack>
    </Dialog>
  );
}
