import { Anchor, Group, Stack, Table, Text } from "@mantine/core";
import { IconCircleCheck } from "@tabler/icons-react";
import { Link } from "react-router";
import type { WeightReport } from "@/api/types";
import { useNeuronHref } from "@/state/address";
import { Section } from "./Section";

const SHOWN = 200;

/** Neurons that can't act, and pairs that do the same, by their weights alone. */
export function NeuronFaults({ report }: { report: WeightReport }) {
  const href = useNeuronHref();
  const link = (layer: number, neuron: number) => {
    const unit = `mlp_act.${layer}:${neuron}`;
    return (
      <Anchor component={Link} to={href(unit)} ff="monospace" size="sm">
        {unit}
      </Anchor>
    );
  };
  const dead = report.layers.flatMap(({ layer, dead: found }) => found.map((one) => ({ layer, ...one })));
  const pairs = report.layers.flatMap(({ layer, duplicates }) =>
    duplicates.map((one) => ({ layer, ...one })),
  );
  const count = (field: "dead_count" | "duplicate_count" | "neurons") =>
    report.layers.reduce((sum, layer) => sum + layer[field], 0);
  const notes = [...new Set(report.layers.map((layer) => layer.note).filter((note) => note !== ""))];
  const looked = count("neurons").toLocaleString("en-US");
  return (
    <>
      <Section
        title={`Dead neurons: ${count("dead_count").toLocaleString("en-US")}`}
        about={`Of ${looked} neurons, those with an input row or output column that is zero to within ${report.rounding.toExponential(1)} of the layer's median: they can't fire, or can't write.`}
      >
        {dead.length === 0 ? (
          <None>Every neuron reads something and writes something.</None>
        ) : (
          <Table fz="sm" verticalSpacing={4}>
            <Table.Thead>
              <Table.Tr>
                <Table.Th>neuron</Table.Th>
                <Table.Th>why</Table.Th>
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {dead.slice(0, SHOWN).map((one) => (
                <Table.Tr key={`${one.layer}:${one.neuron}`}>
                  <Table.Td>{link(one.layer, one.neuron)}</Table.Td>
                  <Table.Td>{one.reason}</Table.Td>
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
        )}
        <More shown={Math.min(SHOWN, dead.length)} all={count("dead_count")} />
      </Section>
      <Section
        title={`Duplicates: ${count("duplicate_count").toLocaleString("en-US")} ${count("duplicate_count") === 1 ? "pair" : "pairs"}`}
        about={`Two neurons of a layer whose input rows and output columns each agree to a cosine of ${report.cosine} or more.`}
      >
        {pairs.length === 0 ? (
          <None>No two neurons of a layer do the same.</None>
        ) : (
          <Table fz="sm" verticalSpacing={4}>
            <Table.Thead>
              <Table.Tr>
                <Table.Th>one</Table.Th>
                <Table.Th>other</Table.Th>
                <Table.Th ta="right">cosine of inputs</Table.Th>
                <Table.Th ta="right">cosine of outputs</Table.Th>
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {pairs.slice(0, SHOWN).map((pair) => (
                <Table.Tr key={`${pair.layer}:${pair.first}-${pair.second}`}>
                  <Table.Td>{link(pair.layer, pair.first)}</Table.Td>
                  <Table.Td>{link(pair.layer, pair.second)}</Table.Td>
                  <Table.Td ta="right">{pair.cosine_in.toFixed(4)}</Table.Td>
                  <Table.Td ta="right">{pair.cosine_out.toFixed(4)}</Table.Td>
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
        )}
        <More shown={Math.min(SHOWN, pairs.length)} all={count("duplicate_count")} />
      </Section>
      {notes.length > 0 && (
        <Stack gap={2}>
          {notes.map((note) => (
            <Text key={note} size="xs" c="dimmed">
              {note}
            </Text>
          ))}
        </Stack>
      )}
    </>
  );
}

const None = ({ children }: { children: string }) => (
  <Group gap={6}>
    <IconCircleCheck size={16} color="var(--ns-accent)" aria-hidden />
    <Text size="sm" c="dimmed">
      {children}
    </Text>
  </Group>
);

const More = ({ shown, all }: { shown: number; all: number }) =>
  all > shown ? (
    <Text size="xs" c="dimmed" mt={4}>
      {(all - shown).toLocaleString("en-US")} more are not listed; the command line's “card --weights --json”
      lists up to 500 of each layer.
    </Text>
  ) : null;
