import { Button, Checkbox, Group, NativeSelect, ScrollArea, Stack, Text, TextInput } from "@mantine/core";
import { type FormEvent, useState } from "react";
import { Link } from "react-router";
import { useGroups, useSaveGroup } from "@/api/queries/groups";
import type { Group as GroupOut, GroupRequest } from "@/api/types";
import { Dialog } from "@/components/Dialog";
import { ErrorNote } from "@/components/Notice";
import { MOST_NAME, nameFault } from "@/lib/groups";
import { useGroupHref, useModelId } from "@/state/address";

/** Units that can be left out one by one; further ones are taken together. */
const LISTED = 100;

interface SaveGroupProps {
  /** Offered, and chosen to begin with; each can be left out. */
  units: readonly string[];
  madeBy?: NonNullable<GroupRequest["made_by"]>;
  /** What they are shown over: the group's page opens on it. */
  indexId?: string | null;
  onClose: () => void;
}

/** Keeps units under a name, alone or together with those of a group that is there. */
export function SaveGroup({ units, madeBy = "hand", indexId = null, onClose }: SaveGroupProps) {
  const modelId = useModelId();
  const save = useSaveGroup();
  return (
    <Dialog title={save.data ? "Saved" : "Save as a group"} opened onClose={onClose} size="md">
      {save.data ? (
        <Saved group={save.data} onClose={onClose} />
      ) : (
        <Form
          units={units}
          pending={save.isPending}
          error={save.error}
          onSave={(name, chosen) =>
            save.mutate({ model_id: modelId, name, units: chosen, made_by: madeBy, index_id: indexId })
          }
          onClose={onClose}
        />
      )}
    </Dialog>
  );
}

interface FormProps {
  units: readonly string[];
  pending: boolean;
  error: Error | null;
  onSave: (name: string, units: string[]) => void;
  onClose: () => void;
}

function Form({ units, pending, error, onSave, onClose }: FormProps) {
  const groups = useGroups(useModelId());
  const [name, setName] = useState("");
  const [fault, setFault] = useState<string | null>(null);
  const [chosen, setChosen] = useState([...units]);
  const [withId, setWithId] = useState("");
  const others = groups.data?.groups ?? [];
  const added = others.find((one) => one.group_id === withId)?.units ?? [];
  const all = [...new Set([...chosen, ...added])];
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const found = nameFault(name, others);
    setFault(found);
    if (!found) onSave(name.trim(), all);
  };
  return (
    <form onSubmit={submit}>
      <Stack gap="sm">
        <TextInput
          label="Name"
          placeholder="What these units have in common"
          maxLength={MOST_NAME}
          data-autofocus
          value={name}
          error={fault}
          onChange={(event) => {
            setName(event.currentTarget.value);
            setFault(null);
          }}
        />
        <ScrollArea.Autosize mah={220} type="auto">
          <Checkbox.Group label="Units" value={chosen} onChange={setChosen}>
            <Stack gap={6} mt={6}>
              {units.slice(0, LISTED).map((unit) => (
                <Checkbox key={unit} size="xs" value={unit} label={unit} ff="monospace" />
              ))}
              {units.length > LISTED && (
                <Text size="xs" c="dimmed">
                  and {(units.length - LISTED).toLocaleString("en-US")} more
                </Text>
              )}
            </Stack>
          </Checkbox.Group>
        </ScrollArea.Autosize>
        {others.length > 0 && (
          <NativeSelect
            label="Together with those of"
            description="This makes a new group; that one stays as it is."
            value={withId}
            data={[
              { value: "", label: "no other group" },
              ...others.map((one) => ({
                value: one.group_id,
                label: `${one.name} · ${one.units.length} ${one.units.length === 1 ? "unit" : "units"}`,
              })),
            ]}
            onChange={(event) => setWithId(event.currentTarget.value)}
          />
        )}
        {error && <ErrorNote error={error} compact />}
        <Group justify="flex-end" gap="xs">
          <Button variant="default" size="compact-md" onClick={onClose}>
            Cancel
          </Button>
          <Button
            type="submit"
            size="compact-md"
            loading={pending}
            disabled={name.trim() === "" || all.length === 0}
          >
            Save {all.length} {all.length === 1 ? "unit" : "units"}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

function Saved({ group, onClose }: { group: GroupOut; onClose: () => void }) {
  const href = useGroupHref();
  return (
    <Stack gap="sm">
      <Text size="sm">
        “{group.name}” holds {group.units.length} {group.units.length === 1 ? "unit" : "units"}. An
        intervention can name it, and on its page stands what drives its units together.
      </Text>
      <Group justify="flex-end" gap="xs">
        <Button variant="default" size="compact-md" onClick={onClose}>
          Close
        </Button>
        <Button component={Link} to={href(group)} size="compact-md" onClick={onClose}>
          Open the group
        </Button>
      </Group>
    </Stack>
  );
}
