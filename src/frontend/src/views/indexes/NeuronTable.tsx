import { Text } from "@mantine/core";
import { IconFilterOff } from "@tabler/icons-react";
import { PAGE, useTableHead } from "@/api/queries/neuronTable";
import type { IndexEntry } from "@/api/types";
import { EmptyState, ErrorNote } from "@/components/Notice";
import { Panel } from "@/components/Panel";
import { formatCount } from "@/lib/format";
import { NEURONS, pointWord } from "@/lib/points";
import { useModelId, useParams } from "@/state/address";
import { readAsked } from "./asked";
import { ExportLinks, TableTools } from "./TableTools";
import { VirtualRows } from "./VirtualRows";

/** A browser draws no list of any height: Firefox stops at about 17 million pixels. */
const MOST_ROWS = 500_000;

/** All units of an index: ordered, narrowed and searched by the server, fetched as they come into view. */
export function NeuronTable({ index }: { index: IndexEntry }) {
  const params = useParams();
  const asked = readAsked(params, useModelId(), index);
  const head = useTableHead(asked);
  const found = head.data?.found ?? 0;
  const total = head.data?.total ?? 0;
  const neurons = asked.point === NEURONS;
  const word = neurons ? "Neurons" : `Units: ${pointWord(asked.point ?? "")}`;
  return (
    <Panel
      title={word}
      about={
        head.data &&
        (found === total
          ? `${total.toLocaleString("en-US")} over ${index.corpus}`
          : `${found.toLocaleString("en-US")} of ${total.toLocaleString("en-US")} units over ${index.corpus}`)
      }
      actions={<ExportLinks asked={asked} />}
      flush
    >
      <TableTools index={index} />
      {head.error && <ErrorNote error={head.error} onRetry={() => head.refetch()} />}
      {head.data && found === 0 ? (
        <EmptyState icon={<IconFilterOff size={24} />} title="No unit fits">
          Clear a filter above, or search for another part of a token.
        </EmptyState>
      ) : (
        !head.error && (
          <VirtualRows
            // Another order or filter starts at its top again.
            key={JSON.stringify(asked)}
            asked={asked}
            first={head.data?.neurons ?? null}
            count={head.data ? Math.min(found, MOST_ROWS) : PAGE}
            stale={head.isPlaceholderData}
          />
        )
      )}
      {found > MOST_ROWS && (
        <Text size="xs" c="dimmed" px="sm" pt={6}>
          The first {formatCount(MOST_ROWS)} are listed; a filter brings the others, and the files hold all.
        </Text>
      )}
    </Panel>
  );
}
