import { Button, Group, NativeSelect, SimpleGrid, Skeleton, Stack, Text } from "@mantine/core";
import { ErrorNote } from "@/components/Notice";
import { Panel } from "@/components/Panel";
import { ParameterForm } from "@/components/ParameterForm";
import { usePatch } from "@/state/address";
import { PointSelect } from "./PointSelect";
import { PARAMETER_PREFIX } from "./scatterOptions";
import type { useScatterForm } from "./useScatterForm";

/** What to place, how, and in which colours; the parameters come from the analyses' declarations. */
export function ScatterForm({ form }: { form: ReturnType<typeof useScatterForm> }) {
  const patch = usePatch();
  const {
    registry,
    layouts,
    clusterings,
    layout,
    colour,
    parameters,
    values,
    sources,
    source,
    layers,
    onlyLayer,
  } = form;
  return (
    <Panel title="Layout">
      {registry.isPending && <Skeleton height={180} />}
      {registry.error && <ErrorNote error={registry.error} onRetry={() => registry.refetch()} compact />}
      {registry.data && (
        <Stack
          gap="xs"
          component="form"
          onSubmit={(event) => {
            event.preventDefault();
            form.run();
          }}
        >
          <SimpleGrid cols={2} spacing="xs" verticalSpacing="xs">
            <NativeSelect
              size="xs"
              label="Place by"
              value={layout?.name ?? ""}
              data={layouts.map((one) => ({ value: one.name, label: one.title }))}
              onChange={(event) => patch({ layout: event.currentTarget.value })}
            />
            <NativeSelect
              size="xs"
              label="Colour by"
              value={colour}
              data={[
                ...clusterings.map((one) => ({ value: one.name, label: one.title })),
                { value: "layer", label: "Layer" },
                { value: "none", label: "Nothing" },
              ]}
              onChange={(event) => patch({ colour: event.currentTarget.value })}
            />
          </SimpleGrid>
          <Group gap="xs" wrap="nowrap">
            <NativeSelect
              size="xs"
              label="Activations of"
              flex={1.5}
              value={source ?? ""}
              data={sources.length > 0 ? sources : [{ value: "", label: "nothing yet" }]}
              onChange={(event) => patch({ source: event.currentTarget.value })}
            />
            <NativeSelect
              size="xs"
              label="Layers"
              flex={1}
              value={onlyLayer === null ? "all" : String(onlyLayer)}
              data={[
                { value: "all", label: "all" },
                ...layers.map((one) => ({ value: String(one), label: `only layer ${one}` })),
              ]}
              onChange={(event) =>
                patch({ scope: event.currentTarget.value === "all" ? null : event.currentTarget.value })
              }
            />
          </Group>
          {form.shown && <PointSelect shown={form.shown} label />}
          <ParameterForm
            parameters={parameters}
            values={values}
            onChange={(name, value) =>
              patch({ [`${PARAMETER_PREFIX}${name}`]: typeof value === "boolean" ? String(value) : value })
            }
          />
          {layout && (
            <Text size="xs" c="dimmed">
              {layout.summary}
            </Text>
          )}
          <Button type="submit" size="xs" disabled={!form.valid} loading={form.starting}>
            Draw the scatter
          </Button>
          {form.startError && <ErrorNote error={form.startError} compact />}
        </Stack>
      )}
    </Panel>
  );
}
