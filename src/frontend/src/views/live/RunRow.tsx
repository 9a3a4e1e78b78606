import { ActionIcon, Anchor, Button, Group, Text, Tooltip } from "@mantine/core";
import { IconPin, IconPinFilled, IconTrash } from "@tabler/icons-react";
import { useState } from "react";
import { Link } from "react-router";
import { useDeleteTrace, usePinTrace } from "@/api/queries/traces";
import { ErrorNote } from "@/components/Notice";
import { formatAgo, formatBytes } from "@/lib/format";
import { titleOf } from "@/lib/prompt";
import { patchSearch } from "@/lib/url";
import { usePatch } from "@/state/address";
import classes from "./Chat.module.css";
import { newChat, useLive } from "./store";
import type { RecordedRun } from "./useRuns";

interface RunRowProps {
  run: RecordedRun;
  /** Set where others in the list have the same title: what this one differs in. */
  apart?: string | undefined;
  onOpen?: () => void;
}

/** A recorded run: opened by its title, kept whatever the limit, or deleted once that was said twice. */
export function RunRow({ run, apart, onOpen }: RunRowProps) {
  const { trace_id: traceId, model_id: modelId, text, steps, bytes, created_at: made, closed, pinned } = run;
  const [asking, setAsking] = useState(false);
  const onScreen = useLive(({ run: shown }) => shown.traceId === traceId);
  const patch = usePatch();
  const pin = usePinTrace();
  const remove = useDeleteTrace();
  const title = titleOf(text);
  const error = pin.error ?? remove.error;
  const gone = () => {
    if (!onScreen) return;
    newChat();
    patch({ trace: null, step: null });
  };
  return (
    <li className={classes.run} data-current={onScreen || undefined}>
      <Anchor
        component={Link}
        to={`/live${patchSearch("", { model: modelId, trace: traceId })}`}
        size="sm"
        ff="monospace"
        truncate
        aria-current={onScreen || undefined}
        onClick={onOpen}
      >
        {title}
      </Anchor>
      <Group gap={2} wrap="nowrap">
        <Tooltip label={pinned ? "Pinned: it stays whatever the limit" : "Pin: keep it whatever the limit"}>
          <ActionIcon
            size="sm"
            variant="subtle"
            color={pinned ? undefined : "gray"}
            aria-label={`Pin the run ${title.slice(0, 40)}`}
            aria-pressed={pinned}
            loading={pin.isPending}
            onClick={() => pin.mutate({ traceId, pinned: !pinned })}
          >
            {pinned ? <IconPinFilled size={14} /> : <IconPin size={14} />}
          </ActionIcon>
        </Tooltip>
        <Tooltip label="Delete this run">
          <ActionIcon
            size="sm"
            variant="subtle"
            color="gray"
            aria-label={`Delete the run ${title.slice(0, 40)}`}
            aria-expanded={asking}
            onClick={() => setAsking(!asking)}
          >
            <IconTrash size={14} />
          </ActionIcon>
        </Tooltip>
      </Group>
      <Text size="xs" c="dimmed" className={classes.facts}>
        {apart !== undefined && (
          <>
            {new Date(made).toLocaleTimeString()}
            {apart && ` · ${apart}`}
            <br />
          </>
        )}
        {steps} steps · {formatBytes(bytes)} ·{" "}
        {closed ? (
          <time dateTime={made} title={new Date(made).toLocaleString()}>
            {formatAgo(made)}
          </time>
        ) : (
          "at work"
        )}
      </Text>
      {asking && (
        <Group gap="xs" className={classes.facts}>
          <Text size="xs">It can't be brought back.</Text>
          <Button
            size="compact-xs"
            variant="default"
            loading={remove.isPending}
            onClick={() => remove.mutate(traceId, { onSuccess: gone })}
          >
            Delete it
          </Button>
          <Button size="compact-xs" variant="subtle" color="gray" onClick={() => setAsking(false)}>
            Keep it
          </Button>
        </Group>
      )}
      {error && (
        <div className={classes.facts}>
          <ErrorNote error={error} compact />
        </div>
      )}
    </li>
  );
}
