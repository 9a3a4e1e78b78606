import { Button, Group, Skeleton, Stack, Text } from "@mantine/core";
import { IconUsersGroup } from "@tabler/icons-react";
import type { UseQueryResult } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { useStartTogether } from "@/api/queries/neurons";
import type { Group as GroupOut, Job } from "@/api/types";
import { JobProgress } from "@/components/JobProgress";
import { EmptyState, ErrorNote } from "@/components/Notice";
import { Panel } from "@/components/Panel";
import { certaintyOf, readTogether, type Together, type TogetherContext } from "@/lib/driving";
import { formatExact, formatValue } from "@/lib/format";
import { isActive } from "@/lib/jobs";
import { useModelId, useParams, usePatch } from "@/state/address";
import { ContextFrame } from "./ContextFrame";
import classes from "./Neuron.module.css";

const COUNT = 20;
const WINDOWS = 256;
/** By how much further another search looks than the one before. */
const FURTHER = 4;
/** Members whose values stand below a context. */
const MEMBERS = 12;

interface TogetherProps {
  group: GroupOut;
  indexId: string | null;
  job: UseQueryResult<Job>;
  onPick: (token: string, chip: HTMLElement) => void;
}

/** What drives a group's units together, by the mean of their z-scores: found by a job that runs the model. */
export function TogetherPanel({ group, indexId, job, onPick }: TogetherProps) {
  const modelId = useModelId();
  const patch = usePatch();
  const asked = useParams().get("togetherJob") !== null;
  const begin = useStartTogether();
  const found = readTogether(job.data);
  const running = asked && !job.error && (!job.data || isActive(job.data));
  const start = (windows: number) =>
    begin.mutate(
      { model_id: modelId, group_id: group.group_id, index_id: indexId, k: COUNT, windows },
      { onSuccess: ({ job_id }) => patch({ togetherJob: job_id }) },
    );
  const begun = (
    <Button
      size="compact-md"
      loading={begin.isPending}
      disabled={indexId === null}
      onClick={() => start(WINDOWS)}
    >
      Find what drives them together
    </Button>
  );
  return (
    <Panel title="Contexts" about="strongest by the mean of the members’ z-scores" flush>
      <Stack gap="xs" px="sm">
        {begin.error && <ErrorNote error={begin.error} compact />}
        {asked && job.error && <ErrorNote error={job.error} compact />}
        {job.data && job.data.state !== "done" && <JobProgress job={job.data} />}
      </Stack>
      {running && !job.data && <Skeleton height={60} mx="sm" w="auto" />}
      {!running && !found && (
        <EmptyState
          icon={<IconUsersGroup size={24} />}
          title="What are these units about together?"
          action={begun}
        >
          An index keeps what drives each unit alone. Here the windows that any member is strong in are run
          again, the most promising first, and each token is scored by the mean of the members’ z-scores.
        </EmptyState>
      )}
      {found && (
        <Found found={found} onPick={onPick}>
          {found.searched < found.candidates && found.certain < found.contexts.length && (
            <Button
              size="compact-xs"
              variant="default"
              loading={begin.isPending}
              onClick={() => start(found.searched * FURTHER)}
            >
              Search further
            </Button>
          )}
        </Found>
      )}
    </Panel>
  );
}

interface FoundProps {
  found: Together;
  onPick: TogetherProps["onPick"];
  children: ReactNode;
}

function Found({ found, onPick, children }: FoundProps) {
  const reach = Math.abs(found.contexts[0]?.score ?? 0);
  return (
    <>
      <Group px="sm" pb="xs" gap="xs" data-testid="certainty">
        <Text size="xs" c="dimmed">
          {certaintyOf(found)}
          {found.bound !== null &&
            found.certain < found.contexts.length &&
            ` Nothing that was not run scores above ${formatValue(found.bound)}.`}
          {found.constant.length > 0 &&
            ` Never varying, and counted as 0: ${found.constant.slice(0, 5).join(", ")}${found.constant.length > 5 ? " …" : ""}.`}
        </Text>
        {children}
      </Group>
      <ol className={classes.contexts} data-testid="contexts">
        {found.contexts.map((context, rank) => (
          <Row
            key={`${context.doc}:${context.position}`}
            context={context}
            units={found.units}
            rank={rank}
            certain={rank < found.certain}
            reach={reach}
            onPick={onPick}
          />
        ))}
      </ol>
    </>
  );
}

interface RowProps {
  context: TogetherContext;
  units: readonly string[];
  rank: number;
  certain: boolean;
  reach: number;
  onPick: TogetherProps["onPick"];
}

function Row({ context, units, rank, certain, reach, onPick }: RowProps) {
  const { tokens, scores, special, peak, activations } = context;
  return (
    <ContextFrame
      value={context.score}
      of="mean z-score"
      reach={reach}
      place={context}
      shown={{ tokens, values: scores, special, peak }}
      label={`Context ${rank + 1}: its tokens with the mean of the members’ z-scores`}
      certain={certain}
      where={certain && ", certain"}
      onPick={onPick}
      beside={
        <span className={classes.memberValues}>
          {units.slice(0, MEMBERS).map((unit, at) => (
            <span key={unit} title={`${unit}: ${formatExact(activations[at] ?? null)}`}>
              <b>{unit}</b> {formatValue(activations[at] ?? null)}
            </span>
          ))}
          {units.length > MEMBERS && <span>and {units.length - MEMBERS} more</span>}
        </span>
      }
    />
  );
}
