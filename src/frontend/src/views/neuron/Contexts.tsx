import { Button, Center, Group, SegmentedControl, Switch, TextInput } from "@mantine/core";
import { IconSearch, IconTextSize } from "@tabler/icons-react";
import type { UseQueryResult } from "@tanstack/react-query";
import { ApiError } from "@/api/client";
import { type UnitAsked, useExamples } from "@/api/queries/neurons";
import type { NeuronTop } from "@/api/types";
import { EmptyState, ErrorNote } from "@/components/Notice";
import { Panel } from "@/components/Panel";
import { useDraft } from "@/components/useDraft";
import { formatCount } from "@/lib/format";
import { readFlag } from "@/lib/url";
import { useParams, usePatch } from "@/state/address";
import { ContextRow, RowSkeletons } from "./ContextRow";
import { askedBand, BAND_WORDS, BANDS, readContexts, readShortened } from "./contextOptions";
import classes from "./Neuron.module.css";
import { ShortestFound } from "./ShortestFound";
import { useShorten } from "./useShorten";

interface ContextsProps {
  asked: UnitAsked;
  top: UseQueryResult<NeuronTop>;
  onPick: (token: string, chip: HTMLElement) => void;
}

/** The texts of the corpus that drive the unit hardest, and those that do not. */
export function Contexts({ asked, top, onPick }: ContextsProps) {
  const params = useParams();
  const patch = usePatch();
  const { k, contains, band } = readContexts(params);
  const strongest = band === "top";
  const examples = useExamples(asked, { ...askedBand(band), k }, !strongest && asked.indexId !== null);
  const answer = strongest ? top : examples;
  const rows = strongest
    ? top.data?.contexts.map((context) => ({ place: context, values: context.activations }))
    : examples.data?.examples.map((place) => ({ place, values: null }));
  // The server gives the strongest first; of the lowest, the lowest is what is asked for.
  if (band === "lowest") rows?.reverse();
  const shorten = useShorten(asked.unit, asked.indexId);
  const shortened = readShortened(params);
  // Ranks count over all of the unit's contexts; a search leaves some out.
  const ranked = strongest && contains === "";
  const within = ranked && typeof shortened === "number" && shortened < (rows?.length ?? 0);
  const again = typeof shortened === "number" ? () => shorten.start({ rank: shortened }) : null;
  // Of all that is known, so that a weak context looks weak; the lowest may lie far beyond the strongest, or far within.
  const reach = Math.abs((band === "lowest" ? rows?.[0]?.place.activation : top.data?.stats?.max) ?? 0);
  return (
    <Panel
      title="Contexts"
      about={
        top.data
          ? `${BAND_WORDS[band].about}: ${formatCount(top.data.corpus_tokens)} tokens in ${top.data.corpus}`
          : undefined
      }
      flush
      actions={
        <Switch
          size="xs"
          label="Value on every token"
          checked={readFlag(params, "values")}
          onChange={(event) => patch({ values: event.currentTarget.checked })}
        />
      }
    >
      <Group className={classes.tools} gap="xs">
        <SegmentedControl
          size="xs"
          aria-label="Which contexts"
          value={band}
          data={BANDS.map((one) => ({ value: one, label: BAND_WORDS[one].label }))}
          onChange={(next) => patch({ band: next === "top" ? null : next })}
        />
        {strongest && <Search />}
      </Group>
      {shorten.showing && shortened !== "text" && strongest && rows && !within && (
        <div className={classes.aside}>
          <ShortestFound shorten={shorten} onRun={again} />
        </div>
      )}
      {answer.isPending && <RowSkeletons />}
      {answer.error &&
        (answer.error instanceof ApiError && answer.error.code === "bad_address" ? (
          // Another try would end alike.
          <ErrorNote error={answer.error} />
        ) : (
          <ErrorNote error={answer.error} onRetry={() => answer.refetch()} />
        ))}
      {rows?.length === 0 && (
        <EmptyState
          icon={<IconTextSize size={24} />}
          title={contains ? "No context holds that" : "Nothing here"}
        >
          {contains
            ? "None of the contexts that the index keeps of this unit holds this text. Search for less."
            : "The index keeps no such context of this unit. Try your own text above, or build an index over another corpus."}
        </EmptyState>
      )}
      {rows && rows.length > 0 && (
        <ol
          className={classes.contexts}
          data-testid="contexts"
          style={{ opacity: answer.isPlaceholderData ? 0.6 : 1 }}
        >
          {rows.map(({ place, values }, rank) => (
            <ContextRow
              key={`${place.doc}:${place.position}`}
              asked={asked}
              place={place}
              values={values}
              rank={rank}
              reach={reach}
              onPick={onPick}
              {...(ranked ? { onShorten: () => shorten.start({ rank }), shortening: shorten.pending } : {})}
            >
              {shorten.showing && within && rank === shortened && (
                <ShortestFound shorten={shorten} onRun={again} />
              )}
            </ContextRow>
          ))}
        </ol>
      )}
      {(rows?.length ?? 0) >= k && (
        <Center pt="sm">
          <Button
            size="compact-sm"
            variant="default"
            loading={answer.isFetching}
            onClick={() => patch({ k: k + 20 })}
          >
            Show more
          </Button>
        </Center>
      )}
    </Panel>
  );
}

function Search() {
  const [draft, setDraft] = useDraft("has");
  return (
    <TextInput
      size="xs"
      className={classes.search}
      aria-label="Only contexts that hold"
      placeholder="Only those that hold…"
      leftSection={<IconSearch size={13} aria-hidden />}
      maxLength={200}
      value={draft}
      onChange={(event) => setDraft(event.currentTarget.value)}
    />
  );
}
