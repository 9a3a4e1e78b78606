import { ActionIcon, Group as Line, TextInput, Tooltip, VisuallyHidden } from "@mantine/core";
import { IconCheck, IconPencil, IconX } from "@tabler/icons-react";
import { type FormEvent, useEffect, useRef, useState } from "react";
import { flushSync } from "react-dom";
import { ApiError } from "@/api/client";
import { useChangeGroup, useGroups } from "@/api/queries/groups";
import type { Group } from "@/api/types";
import { MOST_NAME, nameFault } from "@/lib/groups";
import classes from "./Neuron.module.css";

/** The group's name, changed in its place: Enter saves, Escape leaves it. */
export function GroupName({ group }: { group: Group }) {
  const [editing, setEditing] = useState(false);
  const pencil = useRef<HTMLButtonElement>(null);
  const leave = () => {
    flushSync(() => setEditing(false));
    pencil.current?.focus();
  };
  if (editing) return <NameForm group={group} onLeave={leave} />;
  return (
    <Line gap={6} wrap="nowrap" miw={0}>
      <h1 className={classes.groupName}>{group.name}</h1>
      <Tooltip label="Rename">
        <ActionIcon
          ref={pencil}
          size="sm"
          variant="subtle"
          color="gray"
          aria-label={`Rename the group ${group.name}`}
          onClick={() => setEditing(true)}
        >
          <IconPencil size={14} />
        </ActionIcon>
      </Tooltip>
    </Line>
  );
}

function NameForm({ group, onLeave }: { group: Group; onLeave: () => void }) {
  const [name, setName] = useState(group.name);
  const [fault, setFault] = useState<string | null>(null);
  const groups = useGroups(group.model_id);
  const change = useChangeGroup(group.group_id);
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => {
    field.current?.focus();
    field.current?.select();
  }, []);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const meant = name.trim();
    const found = nameFault(name, groups.data?.groups ?? [], group.group_id);
    setFault(found);
    if (found) field.current?.focus();
    else if (meant === group.name) onLeave();
    else if (!change.isPending) change.mutate({ name: meant }, { onSuccess: onLeave });
  };
  return (
    <form className={classes.rename} onSubmit={submit}>
      <VisuallyHidden component="h1">{group.name}</VisuallyHidden>
      <TextInput
        ref={field}
        size="xs"
        aria-label="Name of the group"
        maxLength={MOST_NAME}
        value={name}
        error={fault ?? refusal(change.error)}
        onChange={(event) => {
          setName(event.currentTarget.value);
          setFault(null);
          change.reset();
        }}
        onKeyDown={(event) => {
          if (event.key === "Escape") onLeave();
        }}
      />
      <Tooltip label="Save (Enter)">
        <ActionIcon
          type="submit"
          size={30}
          variant="default"
          aria-label="Save the name"
          loading={change.isPending}
        >
          <IconCheck size={16} />
        </ActionIcon>
      </Tooltip>
      <Tooltip label="Leave it (Escape)">
        <ActionIcon size={30} variant="subtle" color="gray" aria-label="Leave the name" onClick={onLeave}>
          <IconX size={16} />
        </ActionIcon>
      </Tooltip>
    </form>
  );
}

const refusal = (error: Error | null) =>
  error instanceof ApiError ? `${error.message} ${error.hint}`.trim() : error?.message;
