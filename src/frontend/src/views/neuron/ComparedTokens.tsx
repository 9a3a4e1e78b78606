import { Table } from "@mantine/core";
import type { TokenPair } from "@/api/types";
import { TokenChip } from "@/components/TokenChip";
import { formatValue } from "@/lib/format";
import classes from "./Compared.module.css";

const SHOWN = 10;

/** On which tokens the kept contexts peak in either index: those of both first. */
export function ComparedTokens({
  pairs,
  names,
}: {
  pairs: readonly TokenPair[];
  names: readonly [string, string];
}) {
  return (
    <Table className={classes.tokens} verticalSpacing={2} fz="sm" withRowBorders={false}>
      <Table.Thead>
        <Table.Tr>
          <Table.Th>peaks on</Table.Th>
          {names.map((name) => (
            <Table.Th key={name} ta="right">
              {name}: count, max
            </Table.Th>
          ))}
        </Table.Tr>
      </Table.Thead>
      <Table.Tbody>
        {pairs.slice(0, SHOWN).map(({ tokens, first, second }) => (
          <Table.Tr key={tokens.join("\u0000")}>
            <Table.Td>
              <TokenChip text={tokens.join("")} />
            </Table.Td>
            {[first, second].map((stat, at) => (
              <Table.Td key={names[at]} ta="right">
                {stat ? `${stat.count}, ${formatValue(stat.max)}` : "–"}
              </Table.Td>
            ))}
          </Table.Tr>
        ))}
      </Table.Tbody>
    </Table>
  );
}
