import { Button, Group, Text } from "@mantine/core";
import { IconInfoCircle } from "@tabler/icons-react";
import type { TraceDetail } from "@/api/types";
import { Banner } from "@/components/Banner";
import { EmptyState } from "@/components/Notice";
import { usePatch } from "@/state/address";
import { NEURONS } from "./options";
import { type Shown, STREAM } from "./shown";

const unitsOf = (point: string) =>
  point === NEURONS ? "neurons" : point === STREAM ? "units of the residual stream" : `units of ${point}`;

/** Said once over all pictures: what was asked for is not there, why, and what is shown in its place. */
export function ShownInstead({ trace, shown }: { trace: TraceDetail; shown: Shown }) {
  if (!shown.instead) return null;
  const { asked, reasons } = shown.instead;
  return (
    <Banner
      tone="info"
      title={
        reasons.length > 0
          ? `${trace.model_id} has no ${unitsOf(asked)} that can be read`
          : `This trace keeps no ${unitsOf(asked)}`
      }
    >
      {reasons.map((reason) => (
        <Text key={reason} size="sm">
          {sentence(reason)}
        </Text>
      ))}
      <Text size="sm">
        {reasons.length === 0 && "They were not asked for when the prompt ran. "}
        Shown instead: {unitsOf(shown.point)}.
      </Text>
    </Banner>
  );
}

/** In place of a picture of one layer, where other layers have what this one has not. */
export function MissingLayer({ shown, layer }: { shown: Shown; layer: number }) {
  const patch = usePatch();
  const [first] = shown.layers;
  return (
    <EmptyState
      icon={<IconInfoCircle size={24} />}
      title={`Layer ${layer} has no ${unitsOf(shown.point)} here`}
      action={
        <Group gap="xs" justify="center">
          {shown.points.includes(STREAM) && shown.point !== STREAM && (
            <Button size="compact-sm" variant="default" onClick={() => patch({ point: STREAM })}>
              Show its residual stream
            </Button>
          )}
          {first !== undefined && (
            <Button size="compact-sm" variant="default" onClick={() => patch({ layer: first })}>
              Go to layer {first}
            </Button>
          )}
        </Group>
      }
    >
      {sentence(shown.missing.get(layer) ?? "the trace does not hold it")}
    </EmptyState>
  );
}

export const sentence = (reason: string) =>
  `${reason.charAt(0).toUpperCase()}${reason.slice(1)}${/[.!?]$/.test(reason) ? "" : "."}`;
