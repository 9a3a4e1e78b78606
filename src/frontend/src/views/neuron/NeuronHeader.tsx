import { ActionIcon, Anchor, Button, CopyButton, Group, NumberInput, Text, Tooltip } from "@mantine/core";
import { IconArrowLeft, IconCheck, IconChevronLeft, IconChevronRight, IconLink } from "@tabler/icons-react";
import { Link } from "react-router";
import type { IndexEntry } from "@/api/types";
import { clampIndex, formatUnit, type Unit } from "@/lib/address";
import { unitWord } from "@/lib/points";
import { patchSearch } from "@/lib/url";
import { useModelId, useParams, usePatch } from "@/state/address";
import { GroupMenu } from "./GroupMenu";
import { IndexChoice } from "./IndexChoice";
import classes from "./Neuron.module.css";
import { SteerMenu } from "./SteerMenu";

interface HeaderProps {
  unit: Unit;
  /** null while the model's size is not known. */
  layers: number | null;
  units: number | null;
  indexes: readonly IndexEntry[];
  indexId: string | null;
}

/** Which unit this is, the way to those beside it, and the index that answers. */
export function NeuronHeader({ unit, layers, units, indexes, indexId }: HeaderProps) {
  const { point, layer, index } = unit;
  const word = unitWord(point);
  const modelId = useModelId();
  const params = useParams();
  const patch = usePatch();
  const trace = params.get("trace");
  const name = formatUnit(unit);
  const go = (toLayer: number, toIndex: number) =>
    patch(
      {
        unit: formatUnit({
          point,
          layer: layers === null ? Math.max(0, toLayer) : clampIndex(toLayer, layers),
          index: units === null ? Math.max(0, toIndex) : clampIndex(toIndex, units),
        }),
        // What was shortened is of the unit before.
        short: null,
        shortJob: null,
      },
      { push: true },
    );
  return (
    <header className={classes.head}>
      <Group gap="xs" wrap="nowrap">
        <Tooltip label="Back to the heatmap">
          <ActionIcon
            component={Link}
            to={`/${patchSearch("", { model: modelId, trace, layer })}`}
            variant="default"
            aria-label="Back to the heatmap"
          >
            <IconArrowLeft size={16} />
          </ActionIcon>
        </Tooltip>
        <h1 className={classes.name}>{name}</h1>
        <CopyButton value={linkOver(indexId)}>
          {({ copied, copy }) => (
            <Tooltip label={copied ? "Copied" : "Copy a link to this page"}>
              <ActionIcon variant="subtle" color="gray" onClick={copy} aria-label="Copy a link to this page">
                {copied ? <IconCheck size={16} /> : <IconLink size={16} />}
              </ActionIcon>
            </Tooltip>
          )}
        </CopyButton>
      </Group>
      <Group gap="md">
        <Stepper label="Layer" value={layer} count={layers} onChange={(next) => go(next, index)} />
        <Stepper label={word} value={index} count={units} onChange={(next) => go(layer, next)} />
      </Group>
      <Group gap="xs" ml="auto">
        <SteerMenu of={{ unit: name }} />
        <GroupMenu unit={name} indexId={indexId} />
        <IndexChoice indexes={indexes} indexId={indexId} />
        {indexes.length > 0 && (
          <Anchor
            component="button"
            type="button"
            size="xs"
            onClick={() => patch({ build: params.get("build") ? null : true })}
          >
            New index
          </Anchor>
        )}
      </Group>
    </header>
  );
}

/** The page's own address, with the index named that it is shown over: the newest will be another one some day. */
function linkOver(indexId: string | null): string {
  const { origin, pathname, search } = window.location;
  return `${origin}${pathname}${indexId ? patchSearch(search, { index: indexId }) : search}`;
}

interface StepperProps {
  label: string;
  value: number;
  count: number | null;
  onChange: (value: number) => void;
}

function Stepper({ label, value, count, onChange }: StepperProps) {
  const word = label.toLowerCase();
  return (
    <Group gap={4} wrap="nowrap">
      <Text size="xs" c="dimmed">
        {label}
      </Text>
      <Button.Group>
        <ActionIcon
          variant="default"
          aria-label={`Previous ${word}`}
          disabled={value <= 0}
          onClick={() => onChange(value - 1)}
        >
          <IconChevronLeft size={14} />
        </ActionIcon>
        <NumberInput
          key={value}
          size="xs"
          w={64}
          hideControls
          aria-label={label}
          defaultValue={value}
          min={0}
          max={count === null ? undefined : count - 1}
          styles={{ input: { textAlign: "center", borderRadius: 0, height: 28, minHeight: 28 } }}
          onKeyDown={(event) => {
            if (event.key === "Enter") onChange(Number(event.currentTarget.value));
          }}
          onBlur={(event) => {
            const next = Number(event.currentTarget.value);
            if (event.currentTarget.value !== "" && next !== value) onChange(next);
          }}
        />
        <ActionIcon
          variant="default"
          aria-label={`Next ${word}`}
          disabled={count !== null && value >= count - 1}
          onClick={() => onChange(value + 1)}
        >
          <IconChevronRight size={14} />
        </ActionIcon>
      </Button.Group>
      {count !== null && (
        <Text size="xs" c="dimmed">
          of {count}
        </Text>
      )}
    </Group>
  );
}
