import { Button, Skeleton, Table } from "@mantine/core";
import { IconDownload } from "@tabler/icons-react";
import { useLayers } from "@/api/queries/traces";
import type { LayerRow } from "@/api/types";
import { LineChart } from "@/components/LineChart";
import { ErrorNote } from "@/components/Notice";
import { Panel } from "@/components/Panel";
import { toCsv } from "@/lib/csv";
import { downloadText, fileName } from "@/lib/download";
import { formatPercent, formatValue } from "@/lib/format";
import { readChoice } from "@/lib/url";
import { useParams, usePatch } from "@/state/address";
import classes from "./Explore.module.css";
import { useOptions } from "./options";
import tableClasses from "./Stats.module.css";

const COLUMNS = ["mean", "std", "min", "max", "l2", "sparsity", "p99"] as const;
type Column = (typeof COLUMNS)[number];

const ABOUT: Record<Column, string> = {
  mean: "Mean of all values",
  std: "Standard deviation",
  min: "Smallest value",
  max: "Largest value",
  l2: "Euclidean norm",
  sparsity: "Share of values below a thousandth of the largest",
  p99: "99th percentile",
};

const show = (column: Column, value: number) =>
  column === "sparsity" ? formatPercent(value) : formatValue(value);

/** Statistics of every layer, as a table and as a line over the layers. */
export function StatsPanel({ traceId }: { traceId: string }) {
  const { point, strip, layer } = useOptions();
  const params = useParams();
  const patch = usePatch();
  const column = readChoice(params, "stat", COLUMNS, "std");
  const answer = useLayers(traceId, point, strip);
  const rows = answer.data?.layers ?? [];
  const saveCsv = () =>
    downloadText(
      `${fileName("layers", point, traceId)}.csv`,
      "text/csv;charset=utf-8",
      toCsv([
        ["layer", ...COLUMNS],
        ...rows.map((row) => [row.layer, ...COLUMNS.map((name) => row.stats[name])]),
      ]),
    );
  return (
    <div className={classes.columns}>
      <Panel
        title="Statistics per layer"
        about={`${point} over all tokens but special ones`}
        flush
        actions={
          <Button
            size="xs"
            variant="default"
            leftSection={<IconDownload size={14} aria-hidden />}
            onClick={saveCsv}
            disabled={!answer.data}
          >
            CSV
          </Button>
        }
      >
        {answer.isPending && <Skeleton height={240} mx="sm" w="auto" />}
        {answer.error && <ErrorNote error={answer.error} onRetry={() => answer.refetch()} />}
        {answer.data && (
          <Table.ScrollContainer minWidth={640}>
            <Table className={tableClasses.table} verticalSpacing={4} fz="sm" highlightOnHover>
              <Table.Thead>
                <Table.Tr>
                  <Table.Th>Layer</Table.Th>
                  {COLUMNS.map((name) => (
                    <Table.Th key={name} ta="right">
                      <button
                        type="button"
                        className={tableClasses.pick}
                        aria-pressed={name === column}
                        title={`${ABOUT[name]}. Press to draw it over the layers.`}
                        onClick={() => patch({ stat: name === "std" ? null : name })}
                      >
                        {name}
                      </button>
                    </Table.Th>
                  ))}
                </Table.Tr>
              </Table.Thead>
              <Table.Tbody>
                {rows.map((row) => (
                  <StatsRow
                    key={row.layer}
                    row={row}
                    column={column}
                    chosen={row.layer === layer}
                    onChoose={() => patch({ layer: row.layer })}
                  />
                ))}
              </Table.Tbody>
            </Table>
          </Table.ScrollContainer>
        )}
      </Panel>
      <Panel title={`${column} by layer`} about={ABOUT[column]}>
        {answer.data ? (
          <LineChart
            label={`${column} of ${point} by layer`}
            points={rows.map((row) => ({ x: row.layer, y: row.stats[column] }))}
            chosen={layer}
            format={(value) => show(column, value)}
            onChoose={(next) => patch({ layer: next })}
          />
        ) : (
          <Skeleton height={180} />
        )}
      </Panel>
    </div>
  );
}

interface StatsRowProps {
  row: LayerRow;
  column: Column;
  chosen: boolean;
  onChoose: () => void;
}

function StatsRow({ row, column, chosen, onChoose }: StatsRowProps) {
  return (
    <Table.Tr data-chosen={chosen || undefined}>
      <Table.Th scope="row">
        <button type="button" className={tableClasses.pick} aria-pressed={chosen} onClick={onChoose}>
          {row.layer}
        </button>
      </Table.Th>
      {COLUMNS.map((name) => (
        <Table.Td key={name} ta="right" data-column={name === column || undefined}>
          {show(name, row.stats[name])}
        </Table.Td>
      ))}
    </Table.Tr>
  );
}
