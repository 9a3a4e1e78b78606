import { ActionIcon, Badge, Button, Group, Stack, Table, Text, Tooltip, UnstyledButton } from "@mantine/core";
import { IconTrash } from "@tabler/icons-react";
import { useState } from "react";
import { useDeleteIndex } from "@/api/queries/indexes";
import type { IndexEntry } from "@/api/types";
import { Dialog } from "@/components/Dialog";
import { ErrorNote } from "@/components/Notice";
import { formatAgo, formatBytes, formatCount } from "@/lib/format";
import { spellLayers } from "@/lib/layers";
import { pointWord } from "@/lib/points";
import { useParams, usePatch } from "@/state/address";
import classes from "./Indexes.module.css";

/** A model's indexes; the one that is shown below is marked. */
export function IndexList({ indexes, shown }: { indexes: readonly IndexEntry[]; shown: string | null }) {
  const [doomed, setDoomed] = useState<IndexEntry | null>(null);
  return (
    <div className={classes.sideways}>
      <Table className={classes.list} verticalSpacing={4} horizontalSpacing={7} fz="sm">
        <Table.Thead>
          <Table.Tr>
            <Table.Th>corpus</Table.Th>
            <Table.Th>units of</Table.Th>
            <Table.Th>layers</Table.Th>
            <Table.Th ta="right">documents</Table.Th>
            <Table.Th ta="right">tokens</Table.Th>
            <Table.Th ta="right">k</Table.Th>
            <Table.Th ta="right">size</Table.Th>
            <Table.Th>built</Table.Th>
            <Table.Td />
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {indexes.map((one) => (
            <Row key={one.index_id} index={one} shown={one.index_id === shown} onDelete={setDoomed} />
          ))}
        </Table.Tbody>
      </Table>
      {doomed && <DeleteDialog index={doomed} onClose={() => setDoomed(null)} />}
    </div>
  );
}

interface RowProps {
  index: IndexEntry;
  shown: boolean;
  onDelete: (index: IndexEntry) => void;
}

function Row({ index, shown, onDelete }: RowProps) {
  const patch = usePatch();
  return (
    <Table.Tr data-shown={shown || undefined} data-testid="index">
      <Table.Td>
        {index.usable ? (
          <UnstyledButton
            className={classes.pick}
            aria-pressed={shown}
            title="Show its neurons"
            onClick={() => patch({ index: index.index_id, layers: null, point: null }, { push: true })}
          >
            {index.corpus}
          </UnstyledButton>
        ) : (
          <Stack gap={2}>
            <Group gap={6} wrap="nowrap">
              <Text size="sm">{index.corpus}</Text>
              <Badge size="xs" variant="default" tt="none">
                not usable
              </Badge>
            </Group>
            <Text size="xs" c="dimmed" maw={260}>
              {index.note}
            </Text>
          </Stack>
        )}
      </Table.Td>
      <Table.Td>{index.points.map(pointWord).join(", ")}</Table.Td>
      <Table.Td>{spellLayers(index.layers)}</Table.Td>
      <Table.Td ta="right">{formatCount(index.documents)}</Table.Td>
      <Table.Td ta="right">{formatCount(index.tokens)}</Table.Td>
      <Table.Td ta="right">{index.k}</Table.Td>
      <Table.Td ta="right">{formatBytes(index.bytes)}</Table.Td>
      <Table.Td>
        <time dateTime={index.created_at} title={new Date(index.created_at).toLocaleString()}>
          {formatAgo(index.created_at)}
        </time>
      </Table.Td>
      <Table.Td ta="right">
        <Tooltip label="Delete">
          <ActionIcon
            variant="subtle"
            color="gray"
            size="sm"
            aria-label={`Delete the index over ${index.corpus}, ${formatCount(index.tokens)} tokens`}
            onClick={() => onDelete(index)}
          >
            <IconTrash size={14} />
          </ActionIcon>
        </Tooltip>
      </Table.Td>
    </Table.Tr>
  );
}

function DeleteDialog({ index, onClose }: { index: IndexEntry; onClose: () => void }) {
  const remove = useDeleteIndex();
  const params = useParams();
  const patch = usePatch();
  const confirm = () =>
    remove.mutate(index.index_id, {
      onSuccess: () => {
        if (params.get("index") === index.index_id) patch({ index: null });
        onClose();
      },
    });
  return (
    <Dialog title="Delete this index?" opened onClose={onClose} size="sm">
      <Stack gap="sm">
        <Text size="sm">
          The index over {index.corpus} with {formatCount(index.tokens)} tokens goes, and{" "}
          {formatBytes(index.bytes)} with it. The corpus stays; building the index again takes as long as it
          did.
        </Text>
        {remove.error && <ErrorNote error={remove.error} compact />}
        <Group justify="flex-end" gap="xs">
          <Button variant="default" size="compact-md" onClick={onClose}>
            Keep it
          </Button>
          <Button color="red.8" size="compact-md" loading={remove.isPending} onClick={confirm}>
            Delete
          </Button>
        </Group>
      </Stack>
    </Dialog>
  );
}
