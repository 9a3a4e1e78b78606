import {
  ActionIcon,
  Anchor,
  Button,
  CopyButton,
  Group,
  NativeSelect,
  NumberInput,
  Text,
  Tooltip,
} from "@mantine/core";
import { IconArrowLeft, IconCheck, IconChevronLeft, IconChevronRight, IconLink } from "@tabler/icons-react";
import { Link } from "react-router";
import type { IndexEntry, NeuronTop } from "@/api/types";
import { clampIndex, formatUnit } from "@/lib/address";
import { formatCount, formatPercent, formatValue } from "@/lib/format";
import { patchSearch } from "@/lib/url";
import { useModelId, useParams, usePatch } from "@/state/address";
import classes from "./Neuron.module.css";

interface HeaderProps {
  layer: number;
  index: number;
  /** null while the model's size is not known. */
  layers: number | null;
  units: number | null;
  indexes: readonly IndexEntry[];
  indexId: string | null;
  top: NeuronTop | null;
}

/** Which neuron this is, the way to its neighbours, and its figures over the corpus. */
export function NeuronHeader({ layer, index, layers, units, indexes, indexId, top }: HeaderProps) {
  const modelId = useModelId();
  const params = useParams();
  const patch = usePatch();
  const trace = params.get("trace");
  const name = formatUnit({ point: "mlp_act", layer, index });
  const go = (toLayer: number, toIndex: number) =>
    patch(
      {
        unit: formatUnit({
          point: "mlp_act",
          layer: layers === null ? Math.max(0, toLayer) : clampIndex(toLayer, layers),
          index: units === null ? Math.max(0, toIndex) : clampIndex(toIndex, units),
        }),
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
        <CopyButton value={window.location.href}>
          {({ copied, copy }) => (
            <Tooltip label={copied ? "Copied" : "Copy a link to this neuron"}>
              <ActionIcon
                variant="subtle"
                color="gray"
                onClick={copy}
                aria-label="Copy a link to this neuron"
              >
                {copied ? <IconCheck size={16} /> : <IconLink size={16} />}
              </ActionIcon>
            </Tooltip>
          )}
        </CopyButton>
      </Group>
      <Group gap="md">
        <Stepper label="Layer" value={layer} count={layers} onChange={(next) => go(next, index)} />
        <Stepper label="Neuron" value={index} count={units} onChange={(next) => go(layer, next)} />
      </Group>
      <Figures top={top} />
      <Group gap="xs" ml="auto">
        {indexes.length > 1 && (
          <NativeSelect
            size="xs"
            aria-label="Index"
            value={indexId ?? ""}
            data={indexes.map((one) => ({
              value: one.index_id,
              label: `${one.corpus} · ${formatCount(one.tokens)} tokens · k ${one.k}`,
            }))}
            onChange={(event) => patch({ index: event.currentTarget.value })}
          />
        )}
        {indexes.length === 1 && indexes[0] && (
          <Text size="xs" c="dimmed">
            over {indexes[0].corpus}, {formatCount(indexes[0].tokens)} tokens
          </Text>
        )}
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

function Figures({ top }: { top: NeuronTop | null }) {
  if (!top?.stats) return null;
  const { mean, std, max, firing_rate } = top.stats;
  const figures = [
    ["mean", formatValue(mean)],
    ["std", formatValue(std)],
    ["max", formatValue(max)],
    ["fires on", formatPercent(firing_rate)],
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
