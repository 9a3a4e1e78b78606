import { Group, Stack, Table, Text } from "@mantine/core";
import { IconAlertTriangleFilled, IconCircleCheckFilled, IconScale } from "@tabler/icons-react";
import type { ModelCard } from "@/api/types";
import { EmptyState } from "@/components/Notice";
import { formatValue } from "@/lib/format";
import classes from "./Card.module.css";

/* The server sends null for what JSON has no word for. */
const difference = (value: number | null) => (value === null ? "not a number" : formatValue(value));

const FAILED = "var(--mantine-color-error)";

/** Whether what is shown is what the plain model computes, point by point. */
export function TruthTab({ card }: { card: ModelCard }) {
  const { parity } = card;
  if (parity === null)
    return (
      <EmptyState icon={<IconScale size={24} />} title="Not compared">
        This model was put into the program as it was, so it was not compared with its plain self. Load it by
        its id or folder, and that is done by itself.
      </EmptyState>
    );
  const quantized = card.quantization !== "none";
  const Icon = parity.holds ? IconCircleCheckFilled : IconAlertTriangleFilled;
  return (
    <Stack gap="md">
      <Group
        gap="sm"
        wrap="nowrap"
        align="flex-start"
        className={classes.verdict}
        data-fails={!parity.holds || undefined}
      >
        <Icon
          size={26}
          style={{ flex: "none" }}
          color={parity.holds ? "var(--ns-accent)" : FAILED}
          aria-hidden
        />
        <div>
          <Text fw={600} {...(!parity.holds && { c: FAILED })}>
            {parity.holds
              ? "What you see is what the plain model computes."
              : "What you see differs from what the plain model computes: don't trust its figures."}
          </Text>
          <Text size="sm" c="dimmed" maw={760}>
            {parity.tokens} tokens ran through the model with and without the taps
            {quantized ? `, both in ${card.quantization}` : ""}.{" "}
            {Number.isFinite(parity.largest_absolute)
              ? parity.largest_absolute === 0
                ? "The logits agree to the last bit."
                : `The logits differ by ${formatValue(parity.largest_absolute)} at most, ${formatValue(parity.largest_relative)} relative to the largest.`
              : "Some logits are not numbers, so how far they differ can't be told."}{" "}
            Each point was then compared with what it must equal.
          </Text>
          {parity.note !== "" && (
            <Text size="sm" mt={4} maw={760}>
              {parity.note}
            </Text>
          )}
        </div>
      </Group>
      <Table fz="sm" verticalSpacing={5}>
        <Table.Thead>
          <Table.Tr>
            <Table.Th>point</Table.Th>
            <Table.Th>compared with</Table.Th>
            <Table.Th ta="right">layers</Table.Th>
            <Table.Th ta="right">largest difference</Table.Th>
            <Table.Th ta="right">relative</Table.Th>
            <Table.Th ta="right">allowed</Table.Th>
            <Table.Th>verdict</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {parity.rows.map((row) => (
            <Table.Tr key={`${row.point} ${row.compared_with}`} {...(!row.holds && { c: FAILED })}>
              <Table.Td ff="monospace">{row.point}</Table.Td>
              <Table.Td>{row.compared_with}</Table.Td>
              <Table.Td ta="right">{row.layers === 0 ? "–" : row.layers}</Table.Td>
              <Table.Td ta="right">{difference(row.largest_absolute)}</Table.Td>
              <Table.Td ta="right">{difference(row.largest_relative)}</Table.Td>
              <Table.Td ta="right">{difference(row.bound)}</Table.Td>
              <Table.Td fw={row.holds ? 400 : 700}>{row.holds ? "holds" : "fails"}</Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Stack>
  );
}
