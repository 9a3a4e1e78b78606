import { Table, Text } from "@mantine/core";
import type { ModelCard } from "@/api/types";
import { formatCount, formatPercent, formatValue } from "@/lib/format";
import classes from "./Card.module.css";
import { Markdown } from "./Markdown";

export function PartsTable({ card }: { card: ModelCard }) {
  return (
    <Table fz="sm" verticalSpacing={4}>
      <Table.Thead>
        <Table.Tr>
          <Table.Th>part</Table.Th>
          <Table.Th ta="right">parameters</Table.Th>
          <Table.Th ta="right">share</Table.Th>
          <Table.Td w="40%" />
        </Table.Tr>
      </Table.Thead>
      <Table.Tbody>
        {card.parts.map(({ part, parameters }) => (
          <Table.Tr key={part}>
            <Table.Td>{part}</Table.Td>
            <Table.Td ta="right">{parameters.toLocaleString("en-US")}</Table.Td>
            <Table.Td ta="right">{formatPercent(parameters / card.parameters)}</Table.Td>
            <Table.Td>
              <div className={classes.bar} style={{ width: `${(parameters / card.parameters) * 100}%` }} />
            </Table.Td>
          </Table.Tr>
        ))}
      </Table.Tbody>
    </Table>
  );
}

const norm = (value: number | null) => (value === null ? "–" : formatValue(value));

export function LayerWeightsTable({ card }: { card: ModelCard }) {
  return (
    <>
      <Table fz="sm" verticalSpacing={4}>
        <Table.Thead>
          <Table.Tr>
            <Table.Th>layer</Table.Th>
            <Table.Th ta="right">parameters</Table.Th>
            <Table.Th ta="right">into the MLP</Table.Th>
            <Table.Th ta="right">out of the MLP</Table.Th>
            <Table.Th ta="right">out of attention</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {card.layer_weights.map((row) => (
            <Table.Tr key={row.layer}>
              <Table.Td>{row.layer}</Table.Td>
              <Table.Td ta="right">{formatCount(row.parameters)}</Table.Td>
              <Table.Td ta="right">{norm(row.mlp_in_norm)}</Table.Td>
              <Table.Td ta="right">{norm(row.mlp_out_norm)}</Table.Td>
              <Table.Td ta="right">{norm(row.attn_out_norm)}</Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
      <Text size="xs" c="dimmed" mt="xs">
        Norms are Frobenius norms of the projections.
      </Text>
    </>
  );
}

export function PointsTable({ card }: { card: ModelCard }) {
  return (
    <Table fz="sm" verticalSpacing={4}>
      <Table.Thead>
        <Table.Tr>
          <Table.Th>point</Table.Th>
          <Table.Th>axes</Table.Th>
          <Table.Th>what it is</Table.Th>
          <Table.Th>served</Table.Th>
        </Table.Tr>
      </Table.Thead>
      <Table.Tbody>
        {card.points.map((point) => (
          <Table.Tr key={point.point}>
            <Table.Td ff="monospace">{point.point}</Table.Td>
            <Table.Td ff="monospace" style={{ whiteSpace: "nowrap" }}>
              {point.axes.join(" ")}
            </Table.Td>
            <Table.Td>{point.doc}</Table.Td>
            <Table.Td>
              {point.refused ? (
                <Text size="sm" c="dimmed">
                  no: {point.refused}
                </Text>
              ) : point.layers === null ? (
                "yes"
              ) : (
                `${point.layers.length} ${point.layers.length === 1 ? "layer" : "layers"}`
              )}
            </Table.Td>
          </Table.Tr>
        ))}
      </Table.Tbody>
    </Table>
  );
}

export const About = ({ text }: { text: string }) => (
  <div className={classes.about}>
    <Markdown text={text} />
  </div>
);
