import { Skeleton, Table, Text } from "@mantine/core";
import type { TokenStat } from "@/api/types";
import { Panel } from "@/components/Panel";
import { TokenChip } from "@/components/TokenChip";
import { formatMark, formatValue } from "@/lib/format";
import { spellToken } from "@/lib/tokens";
import classes from "./Neuron.module.css";

interface TokenTableProps {
  /** undefined while they are on their way. */
  stats: readonly TokenStat[] | undefined;
  failed: boolean;
  /** What the figures count, where it is no activation. */
  about?: string;
  onPick: (token: string, chip: HTMLElement) => void;
}

const SHOWN = 12;

/** On which tokens the strongest contexts peak. */
export function TokenTable({ stats, failed, about = "where its contexts peak", onPick }: TokenTableProps) {
  const rows = stats?.slice(0, SHOWN) ?? [];
  const reach = Math.max(...rows.map((row) => Math.abs(row.max)), 1e-12);
  return (
    <Panel title="Tokens" about={about} flush>
      {!stats && !failed && <Skeleton height={180} mx="sm" w="auto" />}
      {failed && (
        <Text size="sm" c="dimmed" px="sm">
          Not known: the contexts could not be read.
        </Text>
      )}
      {stats && (
        <Table
          className={classes.table}
          verticalSpacing={2}
          horizontalSpacing={6}
          fz="sm"
          withRowBorders={false}
        >
          <Table.Thead>
            <Table.Tr>
              <Table.Th>token</Table.Th>
              <Table.Th ta="right">count</Table.Th>
              <Table.Th
                ta="right"
                title="How much more often its peaks stand on it than the corpus’s tokens do"
              >
                lift
              </Table.Th>
              <Table.Th ta="right">mean</Table.Th>
              <Table.Th ta="right">max</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {rows.map((row) => (
              <Table.Tr key={row.token}>
                <Table.Td>
                  <button
                    type="button"
                    className={classes.token}
                    aria-label={`${spellToken(row.token)}: which neurons it drives`}
                    onClick={(event) => onPick(row.token, event.currentTarget)}
                  >
                    <TokenChip text={row.token} />
                  </button>
                </Table.Td>
                <Table.Td ta="right">{row.count}</Table.Td>
                <Table.Td ta="right">{formatMark(row.lift)}</Table.Td>
                <Table.Td ta="right">{formatValue(row.mean)}</Table.Td>
                <Table.Td ta="right">
                  <span className={classes.barCell}>
                    <i style={{ width: `${(Math.abs(row.max) / reach) * 28}px` }} aria-hidden />
                    {formatValue(row.max)}
                  </span>
                </Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      )}
    </Panel>
  );
}
