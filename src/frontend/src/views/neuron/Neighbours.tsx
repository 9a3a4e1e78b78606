import { Anchor, Button, Skeleton, Stack, Text } from "@mantine/core";
import { Link } from "react-router";
import { useNeighbours } from "@/api/queries/neurons";
import { ErrorNote } from "@/components/Notice";
import { Panel } from "@/components/Panel";
import { formatUnit } from "@/lib/address";
import { formatCount, formatValue } from "@/lib/format";
import { patchSearch, readFlag } from "@/lib/url";
import { useModelId, useNeuronHref, useParams, usePatch } from "@/state/address";
import classes from "./Neuron.module.css";

const SHOWN = 10;
const WIDEST_PX = 72;

interface NeighboursProps {
  layer: number;
  index: number;
  indexId: string | null;
}

/** The neurons that rise and fall with this one. Asked for, since it reads the sample of the whole index. */
export function Neighbours({ layer, index, indexId }: NeighboursProps) {
  const wanted = readFlag(useParams(), "near");
  const patch = usePatch();
  const href = useNeuronHref();
  const modelId = useModelId();
  const asked = { modelId, layer, unit: index, k: SHOWN, indexId };
  const answer = useNeighbours(asked, wanted && indexId !== null);
  return (
    <Panel
      title="Neighbours"
      about={answer.data ? `over a sample of ${formatCount(answer.data.sample)} tokens` : undefined}
      flush
    >
      {!wanted && (
        <Stack gap="xs" px="sm" pb={4} align="flex-start">
          <Text size="xs" c="dimmed">
            Which neurons rise and fall with this one, by correlation over the corpus.
          </Text>
          <Button size="compact-sm" variant="default" onClick={() => patch({ near: true })}>
            Find its neighbours
          </Button>
        </Stack>
      )}
      {wanted && answer.isPending && <Skeleton height={180} mx="sm" w="auto" />}
      {answer.error && <ErrorNote error={answer.error} onRetry={() => answer.refetch()} />}
      {answer.data?.neighbours.length === 0 && (
        <Text size="sm" c="dimmed" px="sm">
          No neuron goes with it: it does not vary over the sample.
        </Text>
      )}
      {answer.data && (
        <ul className={classes.neighbours}>
          {answer.data.neighbours.map((one) => {
            const unit = formatUnit({ point: one.point, layer: one.layer, index: one.unit });
            return (
              <li key={unit}>
                <Anchor component={Link} to={withFlag(href(unit))} size="sm" ff="monospace">
                  {unit}
                </Anchor>
                <i
                  style={{ width: `${Math.abs(one.correlation) * WIDEST_PX}px` }}
                  data-against={one.correlation < 0 || undefined}
                  aria-hidden
                />
                <span className={classes.correlation}>{formatValue(one.correlation)}</span>
              </li>
            );
          })}
        </ul>
      )}
    </Panel>
  );
}

/** The same address with the neighbours open there as well: the way goes from neuron to neuron. */
function withFlag(address: string): string {
  const [path = "", search = ""] = address.split("?");
  return `${path}${patchSearch(search, { near: true })}`;
}
