import { Table, Text, UnstyledButton } from "@mantine/core";
import type { PrecisionSummary } from "@/api/types";
import { formatPercent } from "@/lib/format";
import classes from "./Precision.module.css";
import { showCorrelation, worstFirst } from "./words";

interface LayersProps {
  layers: PrecisionSummary["layers"];
  chosen: number | null;
  onChoose: (layer: number | null) => void;
}

/** The layers from worst to best; one that is pressed narrows the table of neurons. */
export function PrecisionLayers({ layers, chosen, onChoose }: LayersProps) {
  const ordered = worstFirst(layers);
  const worst = Math.min(...ordered.map((layer) => layer.median_correlation ?? 1));
  // The bar tells how far below 1 a layer is, against the worst one.
  const share = (value: number | null) => (value === null || worst >= 1 ? 0 : (1 - value) / (1 - worst));
  const bad = ordered.reduce((sum, layer) => sum + layer.not_finite, 0);
  return (
    <div className={classes.scroll}>
      <Table fz="xs" verticalSpacing={3} className={classes.table}>
        <Table.Thead>
          <Table.Tr>
            <Table.Th>layer</Table.Th>
            <Table.Th ta="right" title="Half of the layer's neurons correlate more, half less">
              median correlation
            </Table.Th>
            <Table.Th w="18%">distance from 1</Table.Th>
            <Table.Th ta="right">worst</Table.Th>
            <Table.Th ta="right" title="Share of neurons with a correlation below 0.9">
              below 0.9
            </Table.Th>
            <Table.Th ta="right" title="Length of the difference over the length of A's activations">
              relative error
            </Table.Th>
            <Table.Th ta="right" title="Mean share of a neuron's strongest tokens that it keeps">
              top tokens kept
            </Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {ordered.map((row) => (
            <Table.Tr key={row.layer} data-chosen={row.layer === chosen || undefined}>
              <Table.Td>
                <UnstyledButton
                  className={classes.pick}
                  aria-pressed={row.layer === chosen}
                  onClick={() => onChoose(row.layer === chosen ? null : row.layer)}
                >
                  {row.layer}
                </UnstyledButton>
              </Table.Td>
              <Table.Td ta="right">{showCorrelation(row.median_correlation)}</Table.Td>
              <Table.Td>
                <div className={classes.bar} style={{ width: `${share(row.median_correlation) * 100}%` }} />
              </Table.Td>
              <Table.Td ta="right">{showCorrelation(row.worst_correlation)}</Table.Td>
              <Table.Td ta="right">{formatPercent(row.low_share)}</Table.Td>
              <Table.Td ta="right">
                {row.relative_error === null ? "–" : formatPercent(row.relative_error)}
              </Table.Td>
              <Table.Td ta="right">{formatPercent(row.top_shared)}</Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
      {bad > 0 && (
        <Text size="xs" c="var(--mantine-color-error)" mt={4}>
          {bad.toLocaleString("en-US")} neurons are infinite or undefined in one of the two and are left out.
        </Text>
      )}
    </div>
  );
}
