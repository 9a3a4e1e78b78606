import { Button, Center, Group, Skeleton, Stack, Switch } from "@mantine/core";
import { IconTextSize } from "@tabler/icons-react";
import type { UseQueryResult } from "@tanstack/react-query";
import type { Context, NeuronTop } from "@/api/types";
import { EmptyState, ErrorNote } from "@/components/Notice";
import { Panel } from "@/components/Panel";
import { TokenStrip } from "@/components/TokenStrip";
import { formatCount, formatExact, formatValue } from "@/lib/format";
import { readFlag } from "@/lib/url";
import { useParams, usePatch } from "@/state/address";
import classes from "./Neuron.module.css";

interface ContextsProps {
  top: UseQueryResult<NeuronTop>;
  count: number;
  onPick: (token: string, chip: HTMLElement) => void;
}

/** The texts of the corpus that drive the neuron hardest. */
export function Contexts({ top, count, onPick }: ContextsProps) {
  const params = useParams();
  const patch = usePatch();
  const showValues = readFlag(params, "values");
  const contexts = top.data?.contexts ?? [];
  // Of the whole list, so that a weak context looks weak.
  const reach = Math.abs(contexts[0]?.activation ?? 0);
  return (
    <Panel
      title="Strongest contexts"
      about={top.data ? `of ${formatCount(top.data.corpus_tokens)} tokens in ${top.data.corpus}` : undefined}
      flush
      actions={
        <Switch
          size="xs"
          label="Value on every token"
          checked={showValues}
          onChange={(event) => patch({ values: event.currentTarget.checked })}
        />
      }
    >
      {top.isPending && (
        <Stack gap="xs" px="sm">
          {[0, 1, 2, 3, 4].map((row) => (
            <Skeleton key={row} height={44} />
          ))}
        </Stack>
      )}
      {top.error && <ErrorNote error={top.error} onRetry={() => top.refetch()} />}
      {top.data && contexts.length === 0 && (
        <EmptyState icon={<IconTextSize size={24} />} title="Nothing drives it here">
          This neuron has no context in the index. Try your own text above, or build an index over another
          corpus.
        </EmptyState>
      )}
      {contexts.length > 0 && (
        <ol className={classes.contexts} data-testid="contexts">
          {contexts.map((context, rank) => (
            <ContextRow
              key={`${context.doc}:${context.position}`}
              context={context}
              rank={rank + 1}
              reach={reach}
              showValues={showValues}
              onPick={onPick}
            />
          ))}
        </ol>
      )}
      {contexts.length >= count && (
        <Center pt="sm">
          <Button
            size="compact-sm"
            variant="default"
            loading={top.isFetching}
            onClick={() => patch({ k: count + 20 })}
          >
            Show more
          </Button>
        </Center>
      )}
    </Panel>
  );
}

interface RowProps {
  context: Context;
  rank: number;
  reach: number;
  showValues: boolean;
  onPick: (token: string, chip: HTMLElement) => void;
}

function ContextRow({ context, rank, reach, showValues, onPick }: RowProps) {
  const part = context.parts?.[context.peak];
  const share = reach > 0 ? Math.max(0, context.activation / reach) : 0;
  return (
    <li className={classes.context} data-testid="context">
      <div className={classes.activation} title={formatExact(context.activation)}>
        <span data-testid="context-activation" data-value={formatExact(context.activation)}>
          {formatValue(context.activation)}
        </span>
        <div className={classes.meter} style={{ width: `${share * 100}%` }} />
      </div>
      <TokenStrip
        label={`Context ${rank}: its tokens with their activations`}
        tokens={context.tokens}
        values={context.activations}
        special={context.special}
        peak={context.peak}
        reach={reach}
        showValues={showValues}
        onPick={onPick}
      />
      <Group className={classes.where} gap="xs">
        {part && <span className={classes.part}>{part}</span>}
        <span>
          document {context.doc}, token {context.position}
        </span>
      </Group>
    </li>
  );
}
