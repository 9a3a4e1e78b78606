import { Button, Group, SegmentedControl, Text } from "@mantine/core";
import { IconDownload } from "@tabler/icons-react";
import { useMemo, useRef, useState } from "react";
import { useNavigate } from "react-router";
import type { PrecisionSummary } from "@/api/types";
import { Figure } from "@/components/plot/Figure";
import { saveImage } from "@/components/plot/save";
import { useThemeName } from "@/components/useThemeName";
import { useNeuronHref } from "@/state/address";
import { AXES, type Axes, scatterData, scatterLayout, shownPlaces } from "./scatter";

const LABELS: Record<Axes, string> = { change: "Correlation and shift", means: "Mean in A and B" };

/** Neurons as points; the table below says the same in figures and leads to the same pages. */
export function PrecisionScatter({ summary, layer }: { summary: PrecisionSummary; layer: number | null }) {
  const theme = useThemeName();
  const navigate = useNavigate();
  const href = useNeuronHref();
  const graph = useRef<HTMLElement | null>(null);
  const [axes, setAxes] = useState<Axes>("change");
  const data = useMemo(() => scatterData(summary, axes, layer, theme), [summary, axes, layer, theme]);
  const layout = useMemo(() => scatterLayout(summary, axes, theme), [summary, axes, theme]);
  const shown = shownPlaces(summary.points, axes, layer).length;
  const all = layer === null ? summary.neurons : summary.layers.find((row) => row.layer === layer)?.neurons;
  return (
    <div data-testid="precision-scatter">
      <Group justify="space-between" gap="xs" mb={4}>
        <SegmentedControl
          size="xs"
          aria-label="Axes"
          value={axes}
          onChange={(next) => setAxes(AXES.find((one) => one === next) ?? "change")}
          data={AXES.map((value) => ({ value, label: LABELS[value] }))}
        />
        <Group gap="xs">
          <Text size="xs" c="dimmed">
            {shown.toLocaleString("en-US")} of {(all ?? shown).toLocaleString("en-US")} neurons
            {layer === null ? "" : ` of layer ${layer}`}
          </Text>
          <Button
            size="compact-xs"
            variant="default"
            leftSection={<IconDownload size={13} aria-hidden />}
            aria-label="Save as PNG"
            onClick={() => saveImage(graph.current, "png", "precision")}
          >
            PNG
          </Button>
        </Group>
      </Group>
      <Figure
        graph={graph}
        data={data}
        layout={layout}
        height={330}
        onClick={({ customdata }) => {
          if (typeof customdata === "string") navigate(href(customdata));
        }}
      />
    </div>
  );
}
