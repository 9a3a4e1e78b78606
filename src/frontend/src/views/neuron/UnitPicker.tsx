import { Anchor, Button, Group, NumberInput, Text } from "@mantine/core";
import { IconActivity } from "@tabler/icons-react";
import { useState } from "react";
import { Link } from "react-router";
import { EmptyState } from "@/components/Notice";
import { Panel } from "@/components/Panel";
import { formatUnit } from "@/lib/address";
import { patchSearch } from "@/lib/url";
import { useModelId, useParams, usePatch } from "@/state/address";

/** Where the address names no neuron, or one that has no page. */
export function UnitPicker({ given }: { given: string | null }) {
  const modelId = useModelId();
  const trace = useParams().get("trace");
  const patch = usePatch();
  const [layer, setLayer] = useState<number | string>(0);
  const [index, setIndex] = useState<number | string>(0);
  return (
    <Panel title="Neuron">
      <EmptyState
        icon={<IconActivity size={24} />}
        title={given ? `“${given}” names no MLP neuron` : "Which neuron?"}
        action={
          <form
            onSubmit={(event) => {
              event.preventDefault();
              patch(
                { unit: formatUnit({ point: "mlp_act", layer: Number(layer), index: Number(index) }) },
                { push: true },
              );
            }}
          >
            <Group gap="xs" align="flex-end">
              <NumberInput
                size="sm"
                label="Layer"
                w={90}
                min={0}
                allowDecimal={false}
                value={layer}
                onChange={setLayer}
              />
              <NumberInput
                size="sm"
                label="Neuron"
                w={110}
                min={0}
                allowDecimal={false}
                value={index}
                onChange={setIndex}
              />
              <Button type="submit" disabled={layer === "" || index === ""}>
                Open
              </Button>
            </Group>
          </form>
        }
      >
        <Text size="sm" c="dimmed">
          Click a row of the heatmap in{" "}
          <Anchor
            component={Link}
            to={`/${patchSearch("", { model: modelId, trace })}`}
            inherit
            underline="always"
          >
            Explore
          </Anchor>
          , or name one here. A neuron is written like <code>mlp_act.3:42</code>: layer 3, number 42.
        </Text>
      </EmptyState>
    </Panel>
  );
}
