import { Group, NativeSelect, Skeleton, Stack, Text } from "@mantine/core";
import { useCompare } from "@/api/queries/neurons";
import type { Comparison, ComparisonSide, IndexEntry } from "@/api/types";
import { ErrorNote } from "@/components/Notice";
import { Panel } from "@/components/Panel";
import { TokenStrip } from "@/components/TokenStrip";
import { parseUnit } from "@/lib/address";
import { formatExact, formatPercent, formatValue } from "@/lib/format";
import { useParams, usePatch } from "@/state/address";
import classes from "./Compared.module.css";
import { ComparedTokens } from "./ComparedTokens";
import { indexWords } from "./IndexChoice";

const SHOWN = 8;

interface ComparedProps {
  unit: string;
  chosen: IndexEntry;
  all: readonly IndexEntry[];
}

/** The unit over another corpus, or the same unit of another model, beside what is shown above. */
export function Compared({ unit, chosen, all }: ComparedProps) {
  const params = useParams();
  const patch = usePatch();
  const point = parseUnit(unit)?.point ?? "";
  // Where both model and corpus differ, no difference could be laid to either.
  const others = all.filter(
    (one) =>
      one.index_id !== chosen.index_id &&
      one.usable &&
      one.points.includes(point) &&
      (one.model_key === chosen.model_key || one.corpus === chosen.corpus),
  );
  const asked = params.get("with");
  const other = others.find((one) => one.index_id === asked)?.index_id ?? null;
  const answer = useCompare(unit, chosen.index_id, other, SHOWN);
  return (
    <Panel
      title="Comparison"
      about="with another corpus or another model"
      actions={
        others.length > 0 && (
          <NativeSelect
            size="xs"
            aria-label="Compare with"
            value={other ?? ""}
            data={[
              { value: "", label: "choose an index" },
              ...others.map((one) => ({
                value: one.index_id,
                label:
                  one.model_id === chosen.model_id ? indexWords(one) : `${one.model_id} · ${indexWords(one)}`,
              })),
            ]}
            onChange={(event) => patch({ with: event.currentTarget.value })}
          />
        )
      }
    >
      {others.length === 0 && (
        <Text size="xs" c="dimmed">
          There is no second index to compare with. Build one of this model over another corpus, or one of a
          model with the same tokenizer, such as a checkpoint, over this corpus.
        </Text>
      )}
      {others.length > 0 && other === null && (
        <Text size="xs" c="dimmed">
          Choose an index to see whether the same texts drive the unit there.
        </Text>
      )}
      {other !== null && answer.isPending && <Skeleton height={220} />}
      {answer.error && <ErrorNote error={answer.error} onRetry={() => answer.refetch()} compact />}
      {answer.data && <Result found={answer.data} />}
    </Panel>
  );
}

function Result({ found }: { found: Comparison }) {
  const names = namesOf(found);
  const figures: [string, string, string][] = [
    [
      "same tokens",
      formatPercent(found.token_overlap),
      "Share of the peaks that stand on the same token in both",
    ],
    ["same pairs", formatPercent(found.ngram_overlap), "The same for the peak and the token before it"],
  ];
  if (found.shared_places !== null)
    figures.push([
      "same places",
      `${found.shared_places} of ${found.kept}`,
      "Contexts that both indexes keep, of those that are counted",
    ]);
  if (found.correlation !== null)
    figures.push([
      "correlation",
      formatValue(found.correlation),
      "Of the unit’s values at tokens that both samples hold",
    ]);
  return (
    <Stack gap="sm" data-testid="comparison">
      <Group gap="xl">
        {figures.map(([word, figure, about]) => (
          <div key={word} className={classes.figure} title={about}>
            <span>{word}</span>
            <b>{figure}</b>
          </div>
        ))}
      </Group>
      <div className={classes.sides}>
        <Side side={found.first} name={names[0]} />
        <Side side={found.second} name={names[1]} />
      </div>
      <ComparedTokens pairs={found.tokens} names={names} />
    </Stack>
  );
}

/** What tells the sides apart: their corpora, or their models. */
function namesOf({ first, second, same_model }: Comparison): [string, string] {
  if (!same_model) return [first.model_id, second.model_id];
  return first.corpus === second.corpus
    ? [
        `${first.corpus}, ${first.tokens.toLocaleString("en-US")} tokens`,
        `${second.corpus}, ${second.tokens.toLocaleString("en-US")} tokens`,
      ]
    : [first.corpus, second.corpus];
}

function Side({ side, name }: { side: ComparisonSide; name: string }) {
  const reach = Math.abs(side.stats.max);
  return (
    <section className={classes.side} aria-label={name}>
      <Text size="sm" fw={600} truncate title={name}>
        {name}
      </Text>
      <Text size="xs" c="dimmed">
        max {formatValue(side.stats.max)}, mean {formatValue(side.stats.mean)}, fires on{" "}
        {formatPercent(side.stats.firing_rate)}
      </Text>
      <ol className={classes.contexts}>
        {side.contexts.map((context, rank) => (
          <li key={`${context.doc}:${context.position}`}>
            <b title={formatExact(context.activation)}>{formatValue(context.activation)}</b>
            <TokenStrip
              label={`Context ${rank + 1} over ${name}`}
              tokens={context.tokens}
              values={context.activations}
              special={context.special}
              peak={context.peak}
              reach={reach}
            />
          </li>
        ))}
      </ol>
    </section>
  );
}
