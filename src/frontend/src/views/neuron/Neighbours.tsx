import { Anchor, Button, Checkbox, Group, NativeSelect, Skeleton, Stack, Text } from "@mantine/core";
import { useState } from "react";
import { Link } from "react-router";
import { type Of, useNeighbours } from "@/api/queries/neurons";
import type { IndexEntry } from "@/api/types";
import { SaveGroup } from "@/components/groups/SaveGroup";
import { ErrorNote } from "@/components/Notice";
import { Panel } from "@/components/Panel";
import { formatUnit } from "@/lib/address";
import { formatCount, formatValue } from "@/lib/format";
import { pointWord } from "@/lib/points";
import { patchSearch, readChoice, readFlag } from "@/lib/url";
import { useModelId, useNeuronHref, useParams, usePatch } from "@/state/address";
import classes from "./Neuron.module.css";

const SHOWN = 10;
const WIDEST_PX = 64;

interface NeighboursProps {
  of: Of;
  /** What is asked about, by name. */
  units: readonly string[];
  /** Whose units are listed, unless another point of the index is chosen. */
  point: string;
  index: IndexEntry;
}

/** The units that rise and fall with what is asked about. Asked for, since it reads the sample of the whole index. */
export function Neighbours({ of, units, point, index }: NeighboursProps) {
  const params = useParams();
  const wanted = readFlag(params, "near");
  const among = readChoice(params, "among", index.points, point);
  const patch = usePatch();
  const modelId = useModelId();
  const asked = { modelId, of, indexId: index.index_id };
  const answer = useNeighbours(asked, { k: SHOWN, point: among }, wanted);
  return (
    <Panel
      title="Neighbours"
      about={answer.data ? `over a sample of ${formatCount(answer.data.sample)} tokens` : undefined}
      flush
    >
      {!wanted && (
        <Stack gap="xs" px="sm" pb={4} align="flex-start">
          <Text size="xs" c="dimmed">
            Which units rise and fall with {units.length === 1 ? "this one" : "these"}, by correlation over
            the index’s sample of tokens.
          </Text>
          <Button size="compact-sm" variant="default" onClick={() => patch({ near: true })}>
            Find {units.length === 1 ? "its" : "their"} neighbours
          </Button>
        </Stack>
      )}
      {wanted && index.points.length > 1 && (
        <NativeSelect
          size="xs"
          px="sm"
          pb="xs"
          aria-label="Among"
          value={among}
          data={index.points.map((one) => ({ value: one, label: `among ${pointWord(one)}` }))}
          onChange={(event) =>
            patch({ among: event.currentTarget.value === point ? null : event.currentTarget.value })
          }
        />
      )}
      {wanted && answer.isPending && <Skeleton height={180} mx="sm" w="auto" />}
      {answer.error && <ErrorNote error={answer.error} onRetry={() => answer.refetch()} />}
      {answer.data?.neighbours.length === 0 && (
        <Text size="sm" c="dimmed" px="sm">
          No unit goes with it: none varies over the sample.
        </Text>
      )}
      {answer.data && answer.data.neighbours.length > 0 && (
        <List
          key={among}
          units={units}
          indexId={index.index_id}
          found={answer.data.neighbours.map(({ correlation, layer, unit, ...one }) => ({
            unit: formatUnit({ point: one.point, layer, index: unit }),
            correlation,
            rest: one.without_peak,
          }))}
        />
      )}
    </Panel>
  );
}

interface ListProps {
  units: readonly string[];
  indexId: string;
  found: readonly { unit: string; correlation: number; rest: number }[];
}

function List({ units, indexId, found }: ListProps) {
  const href = useNeuronHref(indexId);
  const [chosen, setChosen] = useState<readonly string[]>([]);
  const [saving, setSaving] = useState(false);
  return (
    <>
      <ul className={classes.neighbours}>
        {found.map(({ unit, correlation, rest }) => (
          <li key={unit}>
            <Checkbox
              size="xs"
              aria-label={`Choose ${unit}`}
              checked={chosen.includes(unit)}
              onChange={(event) =>
                setChosen(
                  event.currentTarget.checked ? [...chosen, unit] : chosen.filter((one) => one !== unit),
                )
              }
            />
            <Anchor component={Link} to={withFlag(href(unit))} size="sm" ff="monospace">
              {unit}
            </Anchor>
            <i
              style={{ width: `${Math.abs(correlation) * WIDEST_PX}px` }}
              data-against={correlation < 0 || undefined}
              aria-hidden
            />
            <span className={classes.correlation}>{formatValue(correlation)}</span>
            {Math.abs(rest) < Math.abs(correlation) / 2 && (
              <Text
                span
                size="xs"
                c="dimmed"
                title={`Without the one token that adds most to it, the correlation is ${formatValue(rest)}.`}
              >
                one token
              </Text>
            )}
          </li>
        ))}
      </ul>
      {found.some(({ rest, correlation }) => Math.abs(rest) < Math.abs(correlation) / 2) && (
        <Text size="xs" c="dimmed" px="sm" pt={4}>
          “one token”: more than half of it comes from a single token of the sample.
        </Text>
      )}
      <Group px="sm" pt={6} gap="xs" mih={32}>
        {chosen.length === 0 ? (
          <Text size="xs" c="dimmed">
            Tick some to save them as a group.
          </Text>
        ) : (
          <Button size="compact-sm" variant="default" onClick={() => setSaving(true)}>
            Save with {chosen.length} {chosen.length === 1 ? "neighbour" : "neighbours"}…
          </Button>
        )}
      </Group>
      {saving && (
        <SaveGroup units={[...units, ...chosen]} indexId={indexId} onClose={() => setSaving(false)} />
      )}
    </>
  );
}

/** The same address with the neighbours open there as well: the way goes from unit to unit. */
function withFlag(address: string): string {
  const [path = "", search = ""] = address.split("?");
  return `${path}${patchSearch(search, { near: true })}`;
}
