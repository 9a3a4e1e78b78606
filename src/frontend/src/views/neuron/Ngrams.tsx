import { SegmentedControl, Skeleton, Table, Text } from "@mantine/core";
import type { NgramStat } from "@/api/types";
import { Panel } from "@/components/Panel";
import { TokenChip } from "@/components/TokenChip";
import { formatValue } from "@/lib/format";
import { readChoice } from "@/lib/url";
import { useParams, usePatch } from "@/state/address";
import classes from "./Neuron.module.css";

const LENGTHS = ["2", "3", "4", "5"] as const;
const SHOWN = 12;

interface NgramsProps {
  /** undefined while they are on their way. */
  stats: readonly NgramStat[] | undefined;
  failed: boolean;
}

/** Word sequences that end on the peaks. */
export function Ngrams({ stats, failed }: NgramsProps) {
  const params = useParams();
  const patch = usePatch();
  const length = readChoice(params, "n", LENGTHS, "2");
  const rows = stats?.filter((row) => row.n === Number(length)).slice(0, SHOWN) ?? [];
  const most = Math.max(...rows.map((row) => row.count), 1);
  return (
    <Panel
      title="N-grams"
      about="ending at the peak"
      flush
      actions={
        <SegmentedControl
          size="xs"
          aria-label="Length of the n-grams"
          value={length}
          data={LENGTHS.map((n) => ({ value: n, label: n }))}
          onChange={(next) => patch({ n: next === "2" ? null : next })}
        />
      }
    >
      {!stats && !failed && <Skeleton height={180} mx="sm" w="auto" />}
      {(failed || (stats && rows.length === 0)) && (
        <Text size="sm" c="dimmed" px="sm">
          {failed ? "Not known: the contexts could not be read." : `No ${length}-gram ends at a peak.`}
        </Text>
      )}
      {rows.length > 0 && (
        <Table className={classes.table} verticalSpacing={2} fz="sm" withRowBorders={false}>
          <Table.Thead>
            <Table.Tr>
              <Table.Th>n-gram</Table.Th>
              <Table.Th ta="right">max</Table.Th>
              <Table.Th ta="right">count</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {rows.map((row) => (
              <Table.Tr key={row.tokens.join("\u0000")}>
                <Table.Td style={{ whiteSpace: "nowrap", maxWidth: "12rem", overflow: "hidden" }}>
                  {row.tokens.map((token, place) => (
                    // biome-ignore lint/suspicious/noArrayIndexKey: tokens repeat, and their order never changes
                    <TokenChip key={place} text={token} style={{ marginRight: 1 }} />
                  ))}
                </Table.Td>
                <Table.Td ta="right">{formatValue(row.max)}</Table.Td>
                <Table.Td ta="right">
                  <span className={classes.barCell}>
                    <i style={{ width: `${(row.count / most) * 40}px` }} aria-hidden />
                    {row.count}
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
