import { Table } from "@mantine/core";
import type { ModelCard } from "@/api/types";
import { formatPercent } from "@/lib/format";
import classes from "./Card.module.css";

/** Where the parameters are, each counted once. */
export function PartsTable({ card }: { card: ModelCard }) {
  return (
    <Table fz="sm" verticalSpacing={4}>
      <Table.Thead>
        <Table.Tr>
          <Table.Th>part</Table.Th>
          <Table.Th ta="right">parameters</Table.Th>
          <Table.Th ta="right">share</Table.Th>
          <Table.Td w="45%" />
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
