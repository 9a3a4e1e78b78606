import { Anchor, Button, Group, Skeleton, Table, Text, UnstyledButton } from "@mantine/core";
import { IconDownload, IconSortAscending, IconSortDescending } from "@tabler/icons-react";
import { useState } from "react";
import { Link } from "react-router";
import { comparisonHref, NEURONS_PER_PAGE, usePrecisionNeurons } from "@/api/queries/precision";
import type { PrecisionNeuron, PrecisionSort, PrecisionSummary } from "@/api/types";
import { ErrorNote } from "@/components/Notice";
import { formatUnit } from "@/lib/address";
import { formatPercent, formatValue } from "@/lib/format";
import { precisionWord } from "@/lib/precision";
import { useNeuronHref } from "@/state/address";
import classes from "./Precision.module.css";
import { showCorrelation, showSigned } from "./words";

interface Column {
  sort: PrecisionSort | null;
  head: string;
  about: string;
  show: (row: PrecisionNeuron) => string;
}

const columns = ({ a, b }: PrecisionSummary): Column[] => [
  {
    sort: "correlation",
    head: "correlation",
    about: "Pearson's, over the tokens",
    show: (row) => showCorrelation(row.correlation),
  },
  {
    sort: "mean_shift",
    head: "mean shift",
    about: "Mean in B less mean in A, in standard deviations of A",
    show: (row) => showSigned(row.mean_shift),
  },
  {
    sort: "rank_change",
    head: "rank change",
    about: "Places among the layer's neurons by mean size of activation; up is stronger in B",
    show: (row) => showSigned(-row.rank_change || 0, 0),
  },
  {
    sort: "top_shared",
    head: "top tokens kept",
    about: "Share of its strongest tokens in A that are among its strongest in B",
    show: (row) => formatPercent(row.top_shared),
  },
  {
    sort: "mean_a",
    head: `mean, ${precisionWord(a)}`,
    about: "Mean activation in A",
    show: (row) => formatValue(row.mean_a),
  },
  {
    sort: null,
    head: `mean, ${precisionWord(b)}`,
    about: "Mean activation in B",
    show: (row) => formatValue(row.mean_b),
  },
];

interface NeuronsProps {
  summary: PrecisionSummary;
  layer: number | null;
  onAllLayers: () => void;
}

/** Every neuron, sorted by the server; each leads to its page. */
export function PrecisionNeurons({ summary, layer, onAllLayers }: NeuronsProps) {
  const [sort, setSort] = useState<PrecisionSort>("correlation");
  const [descending, setDescending] = useState(false);
  const [at, setAt] = useState({ layer, page: 0 });
  const page = at.layer === layer ? at.page : 0;
  const href = useNeuronHref();
  const asked = { comparisonId: summary.comparison_id, layer, sort, descending, page };
  const answer = usePrecisionNeurons(asked);
  const total = answer.data?.total ?? 0;
  const pages = Math.max(1, Math.ceil(total / NEURONS_PER_PAGE));
  const order = (next: PrecisionSort) => {
    setDescending(next === sort ? !descending : next === "mean_a");
    setSort(next);
    setAt({ layer, page: 0 });
  };
  return (
    <section aria-label="Neurons" data-testid="precision-neurons">
      <Group justify="space-between" mb={4}>
        <Text size="sm" fw={600}>
          Neurons{" "}
          <Text span size="xs" c="dimmed" fw={400}>
            {layer === null ? "of all layers" : `of layer ${layer}`}, {total.toLocaleString("en-US")}
          </Text>
        </Text>
        <Group gap="xs">
          {layer !== null && (
            <Button size="compact-xs" variant="default" onClick={onAllLayers}>
              All layers
            </Button>
          )}
          <Button
            component="a"
            href={comparisonHref(summary.comparison_id)}
            download
            size="compact-xs"
            variant="default"
            leftSection={<IconDownload size={13} aria-hidden />}
          >
            CSV
          </Button>
        </Group>
      </Group>
      {answer.error && <ErrorNote error={answer.error} onRetry={() => answer.refetch()} />}
      {answer.isPending && <Skeleton height={240} />}
      {answer.data && (
        <div
          className={classes.scroll}
          style={{ maxHeight: 380, opacity: answer.isPlaceholderData ? 0.6 : 1 }}
        >
          <Table fz="xs" verticalSpacing={3} stickyHeader className={classes.table}>
            <Table.Thead>
              <Table.Tr>
                <Table.Th>neuron</Table.Th>
                {columns(summary).map((column) => (
                  <Head
                    key={column.head}
                    column={column}
                    sort={sort}
                    descending={descending}
                    onSort={order}
                  />
                ))}
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {answer.data.neurons.map((row) => {
                const unit = formatUnit({ point: "mlp_act", layer: row.layer, index: row.unit });
                return (
                  <Table.Tr key={unit}>
                    <Table.Td>
                      <Anchor component={Link} to={href(unit)} size="xs" ff="monospace">
                        {unit}
                      </Anchor>
                    </Table.Td>
                    {columns(summary).map((column) => (
                      <Table.Td key={column.head} ta="right">
                        {column.show(row)}
                      </Table.Td>
                    ))}
                  </Table.Tr>
                );
              })}
            </Table.Tbody>
          </Table>
        </div>
      )}
      {pages > 1 && (
        <Group justify="flex-end" gap="xs" mt="xs">
          <Button
            size="compact-xs"
            variant="default"
            disabled={page === 0}
            onClick={() => setAt({ layer, page: page - 1 })}
          >
            Previous
          </Button>
          <Text size="xs" c="dimmed">
            {page + 1} of {pages.toLocaleString("en-US")}
          </Text>
          <Button
            size="compact-xs"
            variant="default"
            disabled={page + 1 >= pages}
            onClick={() => setAt({ layer, page: page + 1 })}
          >
            Next
          </Button>
        </Group>
      )}
    </section>
  );
}

interface HeadProps {
  column: Column;
  sort: PrecisionSort;
  descending: boolean;
  onSort: (sort: PrecisionSort) => void;
}

function Head({ column, sort, descending, onSort }: HeadProps) {
  const { sort: by, head, about } = column;
  const active = by === sort;
  const Icon = descending ? IconSortDescending : IconSortAscending;
  return (
    <Table.Th
      ta="right"
      title={about}
      {...(active ? { "aria-sort": descending ? "descending" : "ascending" } : {})}
    >
      {by === null ? (
        head
      ) : (
        <UnstyledButton className={classes.pick} onClick={() => onSort(by)}>
          {active && <Icon size={12} aria-hidden />} {head}
        </UnstyledButton>
      )}
    </Table.Th>
  );
}
