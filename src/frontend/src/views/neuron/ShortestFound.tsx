import { ActionIcon, Button, Group, Skeleton, Stack, Text, Tooltip } from "@mantine/core";
import { IconX } from "@tabler/icons-react";
import { CopyText } from "@/components/CopyText";
import { JobProgress } from "@/components/JobProgress";
import { ErrorNote } from "@/components/Notice";
import { TokenChip } from "@/components/TokenChip";
import type { Shortest } from "@/lib/driving";
import { formatExact, formatPercent, formatValue } from "@/lib/format";
import classes from "./Neuron.module.css";
import type { Shorten } from "./useShorten";

interface FoundProps {
  shorten: Shorten;
  /** Runs the search of the address; none where what it was of is not known. */
  onRun: (() => void) | null;
}

/** The search for the shortest text: at work, failed, lost, or what it found. */
export function ShortestFound({ shorten, onRun }: FoundProps) {
  const { job, found, error, lost, close } = shorten;
  return (
    <section className={classes.shortest} aria-label="Shortest driving text" data-testid="shortest">
      <Group justify="space-between" wrap="nowrap" gap="xs">
        <Text size="xs" fw={600}>
          Shortest driving text
        </Text>
        <Tooltip label="Close">
          <ActionIcon
            size="xs"
            variant="subtle"
            color="gray"
            aria-label="Close the shortest text"
            onClick={close}
          >
            <IconX size={12} />
          </ActionIcon>
        </Tooltip>
      </Group>
      {error ? (
        <ErrorNote error={error} compact />
      ) : lost ? (
        <Group gap="xs">
          <Text size="xs" c="dimmed">
            The search that this address names is not known here
            {onRun ? "." : "; start it anew with “shorten”."}
          </Text>
          {onRun && (
            <Button size="compact-xs" variant="default" onClick={onRun}>
              Run it again
            </Button>
          )}
        </Group>
      ) : found ? (
        <Found found={found} />
      ) : job ? (
        <JobProgress job={job} />
      ) : (
        <Skeleton height={36} />
      )}
    </section>
  );
}

function Found({ found }: { found: Shortest }) {
  const { tokens, before, after, context, share } = found;
  return (
    <Stack gap={4}>
      <Group gap="xs" wrap="nowrap" align="flex-start">
        <span title={formatExact(after)} className={classes.kept}>
          {formatValue(after)}
        </span>
        <span className={classes.tokens} data-testid="shortest-tokens">
          {tokens.map((token, at) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: tokens repeat, and their order never changes
            <TokenChip key={at} text={token} />
          ))}
        </span>
        <CopyText text={found.text} label="Copy the text" />
      </Group>
      <Text size="xs" c="dimmed">
        {tokens.length} of {context.length} tokens keep {formatPercent(after / before)} of{" "}
        {formatValue(before)}
        {tokens.length === context.length && `; no shorter text keeps ${formatPercent(share)}`}.
        {found.cut > 0 && ` ${found.cut} were cut from the left`}
        {found.cut > 0 && found.deleted > 0 && ","}
        {found.deleted > 0 && ` ${found.deleted} left out within`}
        {found.cut + found.deleted > 0 && "."} {`${found.texts.toLocaleString("en-US")} texts were run.`}
      </Text>
      {!found.same_tokens && found.as_typed !== null && (
        <Text size="xs" c="dimmed">
          Typed as a text it is cut into other tokens, and the unit is at {formatValue(found.as_typed)}.
        </Text>
      )}
      {!found.complete && (
        <Text size="xs" c="dimmed">
          The budget of tokens ran out: a shorter text may be left to find.
        </Text>
      )}
    </Stack>
  );
}
