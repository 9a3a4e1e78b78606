import { Table, Text } from "@mantine/core";
import type { ModelCard } from "@/api/types";
import { layersWord } from "@/lib/diagram";

type Point = ModelCard["points"][number];

function Served({ point, layers }: { point: Point; layers: number }) {
  if (point.refused)
    return (
      <Text size="sm" c="dimmed">
        no: {point.refused}
      </Text>
    );
  if (point.layers === null) return "yes";
  return point.layers.length === layers ? "all layers" : layersWord(point.layers);
}

/** Every hook point, where it is served, and why it is not. */
export function PointsTab({ card }: { card: ModelCard }) {
  return (
    <Table fz="sm" verticalSpacing={5}>
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
              <Served point={point} layers={card.layers} />
            </Table.Td>
          </Table.Tr>
        ))}
      </Table.Tbody>
    </Table>
  );
}
