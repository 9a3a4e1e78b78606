import { Anchor, Button, Group, NativeSelect, NumberInput, Text, TextInput, Tooltip } from "@mantine/core";
import { IconSearch } from "@tabler/icons-react";
import { tableHref, useParquet } from "@/api/queries/neuronTable";
import type { IndexEntry, NeuronTableAsked } from "@/api/types";
import { useDraft } from "@/components/useDraft";
import { pointWord } from "@/lib/points";
import { useParams, usePatch } from "@/state/address";
import { BOUNDS, type Bound, FILTERS, readPoint } from "./asked";
import classes from "./Indexes.module.css";

/** Narrows the table; everything set here stands in the address. */
export function TableTools({ index }: { index: IndexEntry }) {
  const params = useParams();
  const patch = usePatch();
  const narrowed = FILTERS.some((key) => params.has(key));
  return (
    <div className={classes.tools}>
      <Search />
      <NativeSelect
        size="xs"
        label="Layer"
        value={params.get("layers") ?? ""}
        data={[
          { value: "", label: "All" },
          ...index.layers.map((layer) => ({ value: String(layer), label: String(layer) })),
        ]}
        onChange={(event) => patch({ layers: event.currentTarget.value })}
      />
      {index.points.length > 1 && (
        <NativeSelect
          size="xs"
          label="Units of"
          value={readPoint(params, index)}
          data={index.points.map((point) => ({ value: point, label: pointWord(point) }))}
          onChange={(event) => patch({ point: event.currentTarget.value })}
        />
      )}
      {BOUNDS.map((bound) => (
        <BoundInput key={bound.key} bound={bound} />
      ))}
      {narrowed && (
        <Button
          size="xs"
          variant="default"
          onClick={() => patch(Object.fromEntries(FILTERS.map((key) => [key, null])))}
        >
          Clear
        </Button>
      )}
    </div>
  );
}

function Search() {
  const [draft, setDraft] = useDraft("q");
  return (
    <TextInput
      size="xs"
      label="Strongest on"
      className={classes.search}
      placeholder="Part of a token"
      leftSection={<IconSearch size={13} aria-hidden />}
      maxLength={100}
      value={draft}
      onChange={(event) => setDraft(event.currentTarget.value)}
    />
  );
}

function BoundInput({ bound }: { bound: Bound }) {
  const [draft, setDraft] = useDraft(bound.key);
  return (
    <Tooltip
      label={bound.about}
      disabled={bound.about === undefined}
      multiline
      maw={280}
      events={{ hover: true, focus: true, touch: false }}
    >
      <NumberInput
        size="xs"
        w={92}
        hideControls
        label={bound.label}
        placeholder="any"
        value={draft}
        onChange={(value) => setDraft(String(value))}
        {...(bound.minimum === undefined ? {} : { min: bound.minimum })}
        {...(bound.maximum === undefined ? {} : { max: bound.maximum })}
      />
    </Tooltip>
  );
}

/** The table as it stands, as a file. */
export function ExportLinks({ asked }: { asked: NeuronTableAsked }) {
  const parquet = useParquet();
  return (
    <Group gap="xs">
      {parquet.error && (
        <Text size="xs" c="var(--mantine-color-error)" role="alert">
          {parquet.error.message}
        </Text>
      )}
      <Anchor size="xs" href={tableHref(asked, "csv")} download>
        CSV
      </Anchor>
      <Anchor
        size="xs"
        href={tableHref(asked, "parquet")}
        aria-busy={parquet.isPending}
        onClick={(event) => {
          event.preventDefault();
          parquet.mutate(asked);
        }}
      >
        Parquet
      </Anchor>
    </Group>
  );
}
