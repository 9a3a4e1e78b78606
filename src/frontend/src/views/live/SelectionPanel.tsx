import { Anchor, Button, Group, Stack, Text } from "@mantine/core";
import { IconArrowUp, IconCircleOff, IconPointer } from "@tabler/icons-react";
import { Link } from "react-router";
import { EmptyState } from "@/components/Notice";
import { Panel } from "@/components/Panel";
import { parseUnit } from "@/lib/address";
import { BOOST, kindOf } from "@/lib/changes";
import { formatValue } from "@/lib/format";
import { useNeuronHref } from "@/state/address";
import { Guarded } from "./Guarded";
import { useOptions } from "./options";
import { Sparkline } from "./Sparkline";
import { useLive } from "./store";
import { type SeriesPoint, useSeries } from "./useSeries";
import { useShownStep } from "./useStep";
import { useWish } from "./useWish";

/** The selected unit: its values, and what can be done to it. */
export function SelectionPanel() {
  const { unit } = useOptions();
  return (
    <Panel title="Selection" about={unit ?? undefined}>
      {unit ? (
        <Selected unit={unit} />
      ) : (
        <EmptyState icon={<IconPointer size={24} />} title="No unit is selected">
          Click a layer, then one of its units: its values over the steps stand here, and you can boost or
          ablate it.
        </EmptyState>
      )}
    </Panel>
  );
}

function Selected({ unit }: { unit: string }) {
  const wanted = useLive(({ wanted }) => wanted);
  const { number } = useShownStep();
  const wish = useWish();
  const href = useNeuronHref();
  const series = useSeries(unit);
  const kind = kindOf(wanted, unit);
  const now = series.points.find(({ step }) => step === number);
  return (
    <Stack gap="xs">
      {series.points.length > 0 && (
        <>
          <Group justify="space-between" gap="xs">
            <Text size="xs" c="dimmed">
              {number >= 0 ? `At step ${number}` : ""}
            </Text>
            <Text size="sm" fw={600} ff="monospace">
              {nowWords(now)}
            </Text>
          </Group>
          <Sparkline points={series.points} shown={number} label={`Values of ${unit} by step`} />
          <Text size="xs" c="dimmed">
            {series.words}
          </Text>
        </>
      )}
      <Guarded unit={unit} />
      <Group gap="xs" grow>
        <Button
          size="compact-sm"
          variant={kind === "boost" ? "filled" : "default"}
          aria-pressed={kind === "boost"}
          leftSection={<IconArrowUp size={14} aria-hidden />}
          title={`Multiplies its value by ${BOOST}`}
          onClick={() => wish("boost", unit)}
        >
          Boost
        </Button>
        <Button
          size="compact-sm"
          variant={kind === "ablate" ? "filled" : "default"}
          aria-pressed={kind === "ablate"}
          leftSection={<IconCircleOff size={14} aria-hidden />}
          title="Sets its value to 0"
          onClick={() => wish("ablate", unit)}
        >
          Ablate
        </Button>
      </Group>
      {parseUnit(unit)?.point === "mlp_act" && (
        <Anchor component={Link} to={href(unit)} size="sm">
          What drives this neuron
        </Anchor>
      )}
    </Stack>
  );
}

/** A value, or how far from zero it may have been. */
function nowWords(now: SeriesPoint | undefined): string {
  if (now?.value != null) return `${formatValue(now.value)}${now.made ? ", by a change" : ""}`;
  return now?.within == null ? "not recorded" : `within ±${formatValue(now.within)}`;
}
