import { Button, Skeleton, Table } from "@mantine/core";
import { IconDownload } from "@tabler/icons-react";
import { useLayers } from "@/api/queries/traces";
import type { LayerRow } from "@/api/types";
import { ErrorNote } from "@/components/Notice";
import { Panel } from "@/components/Panel";
import { toCsv } from "@/lib/csv";
import { downloadText, fileName } from "@/lib/download";
import { usePatch } from "@/state/address";
import { sentence } from "./Missing";
import { useOptions } from "./options";
import tableClasses from "./Stats.module.css";
import { useShown } from "./shown";
import { ABOUT, COLUMNS, type Column, show, useColumn } from "./stats";
import { allLayers } from "./strip";

/** Statistics of every layer, as a table and as a line over the layers. */
export function StatsPanel({ traceId }: { traceId: string }) {
  const { point: asked, strip, layer } = useOptions();
  const shown = useShown();
  const point = shown?.point ?? asked;
  const patch = usePatch();
  const column = useColumn();
  const answer = useLayers(traceId, shown?.point ?? null, strip);
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
              {allLayers(rows, shown?.missing).map(({ layer: at, row, reason }) => (
                <StatsRow
                  key={at}
                  at={at}
                  row={row}
                  reason={reason}
                  column={column}
                  chosen={at === layer}
                  onChoose={() => patch({ layer: at })}
                />
              ))}
            </Table.Tbody>
          </Table>
        </Table.ScrollContainer>
      )}
    </Panel>
  );
}

interface StatsRowProps {
  at: number;
  row: LayerRow | null;
  reason: string;
  column: Column;
  chosen: boolean;
  onChoose: () => void;
}

function StatsRow({ at, row, reason, column, chosen, onChoose }: StatsRowProps) {
  return (
    <Table.Tr data-chosen={chosen || undefined}>
      <Table.Th scope="row">
        <button type="button" className={tableClasses.pick} aria-pressed={chosen} onClick={onChoose}>
          {at}
        </button>
      </Table.Th>
      {!row && (
        <Table.Td colSpan={COLUMNS.length} c="dimmed">
          {sentence(reason)}
        </Table.Td>
      )}
      {row &&
        COLUMNS.map((name) => (
          <Table.Td key={name} ta="right" data-column={name === column || undefined}>
            {show(name, row.stats[name])}
          </Table.Td>
        ))}
    </Table.Tr>
  );
}
