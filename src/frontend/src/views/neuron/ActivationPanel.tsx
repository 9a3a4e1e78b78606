import { Skeleton, Text } from "@mantine/core";
import type { UseQueryResult } from "@tanstack/react-query";
import { type UnitAsked, useExamples } from "@/api/queries/neurons";
import type { NeuronTop } from "@/api/types";
import { ErrorNote } from "@/components/Notice";
import { Panel } from "@/components/Panel";
import { formatCount, formatPercent, formatValue } from "@/lib/format";
import { Histogram } from "./Histogram";
import classes from "./Neuron.module.css";

/** How the unit's values are spread: figures over the whole corpus, and a histogram of a fixed sample. */
export function ActivationPanel({ asked, top }: { asked: UnitAsked; top: UseQueryResult<NeuronTop> }) {
  // One place is the least that can be asked for; the histogram comes with it.
  const spread = useExamples(asked, { band: "top", k: 1 }, asked.indexId !== null);
  const stats = top.data?.stats;
  return (
    <Panel
      title="Activation"
      about={top.data && stats ? `over all ${formatCount(top.data.corpus_tokens)} tokens` : undefined}
    >
      {stats && <Figures stats={stats} />}
      {!stats && !top.error && <Skeleton height={34} />}
      {spread.error && <ErrorNote error={spread.error} onRetry={() => spread.refetch()} compact />}
      {!spread.error && (!spread.data || !stats) && !top.error && <Skeleton height={128} mt="xs" />}
      {spread.data && stats && spread.data.spread.tokens === 0 && (
        <Text size="xs" c="dimmed">
          The corpus is too small for a histogram: it is counted over a fixed sample of one in a hundred
          tokens, and none of them fell into it.
        </Text>
      )}
      {spread.data && stats && spread.data.spread.tokens > 0 && (
        <Histogram key={asked.unit} spread={spread.data.spread} stats={stats} />
      )}
    </Panel>
  );
}

function Figures({ stats }: { stats: NonNullable<NeuronTop["stats"]> }) {
  const figures = [
    ["fires on", formatPercent(stats.firing_rate)],
    ["mean", formatValue(stats.mean)],
    ["std", formatValue(stats.std)],
    ["max", formatValue(stats.max)],
    ["min", formatValue(stats.min)],
  ] as const;
  return (
    <dl className={classes.stats}>
      {figures.map(([word, figure]) => (
        <div key={word}>
          <dt>{word}</dt>
          <dd>{figure}</dd>
        </div>
      ))}
    </dl>
  );
}
