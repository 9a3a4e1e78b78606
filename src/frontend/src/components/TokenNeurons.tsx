import { Anchor, Group, Popover, ScrollArea, Skeleton, Stack, Text } from "@mantine/core";
import { type ReactNode, useState } from "react";
import { Link } from "react-router";
import { ApiError } from "@/api/client";
import { useTokenTop } from "@/api/queries/neurons";
import { formatUnit } from "@/lib/address";
import { formatValue } from "@/lib/format";
import { NEURONS } from "@/lib/points";
import { useModelId, useNeuronHref } from "@/state/address";
import { ErrorNote } from "./Notice";
import { TokenChip } from "./TokenChip";

interface Picked {
  token: string;
  chip: HTMLElement;
}

/** Which neurons, or units of another point, the token drives: a popover beside whichever chip was pressed. */
export function useTokenNeurons(
  indexId: string | null,
  point: string = NEURONS,
): {
  pick: (token: string, chip: HTMLElement) => void;
  popover: ReactNode;
} {
  const [picked, setPicked] = useState<Picked | null>(null);
  const close = () => {
    picked?.chip.focus();
    setPicked(null);
  };
  const box = picked?.chip.getBoundingClientRect();
  const popover = picked && box && (
    <Popover
      opened
      onChange={(open) => !open && setPicked(null)}
      onClose={close}
      position="bottom-start"
      width={300}
      shadow="md"
      trapFocus
      withinPortal
    >
      <Popover.Target>
        <span style={{ position: "fixed", left: box.left, top: box.bottom, width: box.width, height: 0 }} />
      </Popover.Target>
      <Popover.Dropdown p="sm" aria-label="Neurons that this token drives">
        <TokenNeuronList token={picked.token} indexId={indexId} point={point} />
      </Popover.Dropdown>
    </Popover>
  );
  return { pick: (token, chip) => setPicked({ token, chip }), popover };
}

interface ListProps {
  token: string;
  indexId: string | null;
  point: string;
}

function TokenNeuronList({ token, indexId, point }: ListProps) {
  const modelId = useModelId();
  const href = useNeuronHref();
  const answer = useTokenTop(modelId, { token, point, indexId });
  return (
    <Stack gap={6}>
      <Group gap={6}>
        <Text size="sm" fw={600}>
          {point === NEURONS ? "Neurons" : "Units"} driven by
        </Text>
        <TokenChip text={token} />
      </Group>
      {answer.isPending && <Skeleton height={96} />}
      {answer.error &&
        (answer.error instanceof ApiError && answer.error.status === 404 ? (
          <Text size="sm" c="dimmed">
            {answer.error.message} {answer.error.hint}
          </Text>
        ) : (
          <ErrorNote error={answer.error} onRetry={() => answer.refetch()} compact />
        ))}
      {answer.data?.neurons.length === 0 && (
        <Text size="sm" c="dimmed">
          None of the strongest contexts in this index peaks on it.
        </Text>
      )}
      <ScrollArea.Autosize mah={260}>
        <Stack gap={2} component="ul" m={0} p={0} style={{ listStyle: "none" }}>
          {answer.data?.neurons.map((neuron) => {
            const unit = formatUnit({ point: neuron.point, layer: neuron.layer, index: neuron.unit });
            return (
              <Group key={unit} component="li" justify="space-between" gap="xs" wrap="nowrap">
                <Anchor component={Link} to={href(unit)} size="sm" ff="monospace">
                  {unit}
                </Anchor>
                <Text size="xs" c="dimmed">
                  max {formatValue(neuron.max)} · in {neuron.count}
                </Text>
              </Group>
            );
          })}
        </Stack>
      </ScrollArea.Autosize>
    </Stack>
  );
}
