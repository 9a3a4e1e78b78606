import { Anchor, Button, Group, NativeSelect, Stack, Text } from "@mantine/core";
import { IconActivity } from "@tabler/icons-react";
import { type FormEvent, useState } from "react";
import { Link } from "react-router";
import { useIndexes } from "@/api/queries/indexes";
import { CountInput } from "@/components/CountInput";
import { EmptyState } from "@/components/Notice";
import { Panel } from "@/components/Panel";
import { formatUnit } from "@/lib/address";
import { NEURONS, pointWord, unitWord } from "@/lib/points";
import { patchSearch } from "@/lib/url";
import { useModelId, useParams, usePatch } from "@/state/address";
import { GroupList } from "./GroupList";

/** Where the address names no unit: one can be named here, or a group opened. */
export function UnitPicker({ given }: { given: string | null }) {
  const modelId = useModelId();
  const trace = useParams().get("trace");
  return (
    <Stack gap="sm">
      <Panel title="Neuron">
        <EmptyState
          icon={<IconActivity size={24} />}
          title={given ? `“${given}” names no unit` : "Which neuron?"}
          action={<PickerForm />}
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
            , or name one here. A neuron is written like <code>mlp_act.3:42</code>: layer 3, number 42. Units
            of other points, such as <code>resid_post.3:17</code>, have a page as well.
          </Text>
        </EmptyState>
      </Panel>
      <GroupList />
    </Stack>
  );
}

function PickerForm() {
  const modelId = useModelId();
  const patch = usePatch();
  const indexes = useIndexes();
  const [point, setPoint] = useState(NEURONS);
  const [layer, setLayer] = useState<number | "">(0);
  const [index, setIndex] = useState<number | "">(0);
  // Other points than neurons are offered where an index of the model holds them.
  const held = (indexes.data?.indexes ?? []).filter((one) => one.model_id === modelId && one.usable);
  const points = [...new Set([NEURONS, ...held.flatMap((one) => one.points)])];
  const open = (event: FormEvent) => {
    event.preventDefault();
    patch({ unit: formatUnit({ point, layer: Number(layer), index: Number(index) }) }, { push: true });
  };
  return (
    <form onSubmit={open}>
      <Group gap="xs" align="flex-end" ta="left">
        {points.length > 1 && (
          <NativeSelect
            size="sm"
            label="Units of"
            value={point}
            data={points.map((one) => ({ value: one, label: pointWord(one) }))}
            onChange={(event) => setPoint(event.currentTarget.value)}
          />
        )}
        <CountInput label="Layer" width={90} min={0} value={layer} onChange={setLayer} />
        <CountInput label={unitWord(point)} width={110} min={0} value={index} onChange={setIndex} />
        <Button type="submit" disabled={layer === "" || index === ""}>
          Open
        </Button>
      </Group>
    </form>
  );
}
