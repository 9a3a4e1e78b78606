import { Button, Skeleton, Stack, Text } from "@mantine/core";
import { useState } from "react";
import { ApiError } from "@/api/client";
import { useWrites } from "@/api/queries/neurons";
import type { Writes } from "@/api/types";
import { ErrorNote } from "@/components/Notice";
import { Panel } from "@/components/Panel";
import { TokenChip } from "@/components/TokenChip";
import { formatUnit, type Unit } from "@/lib/address";
import { formatExact, formatValue } from "@/lib/format";
import { useModelId } from "@/state/address";
import classes from "./Neuron.module.css";

const SHOWN = 8;

/** Which tokens the unit raises and lowers by itself: the direct path of its weights. */
export function WritesPanel({ unit, loaded }: { unit: Unit; loaded: boolean }) {
  const modelId = useModelId();
  const [wanted, setWanted] = useState(false);
  const reading = loaded || wanted;
  const answer = useWrites(modelId, formatUnit(unit), SHOWN, reading);
  const refused = answer.error instanceof ApiError && answer.error.code === "point_unavailable";
  return (
    <Panel title="What it writes" about="straight to the logits">
      {!reading && (
        <Stack gap="xs" align="flex-start">
          <Text size="xs" c="dimmed">
            Which tokens it raises and lowers is read off the weights, for which the model has to be loaded.
          </Text>
          <Button size="compact-sm" variant="default" onClick={() => setWanted(true)}>
            Load it and read them
          </Button>
        </Stack>
      )}
      {reading && answer.isPending && <Skeleton height={180} />}
      {answer.error &&
        (refused ? (
          <Text size="sm" c="dimmed">
            {answer.error.message}
          </Text>
        ) : (
          <ErrorNote error={answer.error} onRetry={() => answer.refetch()} compact />
        ))}
      {answer.data && <Ends writes={answer.data} />}
    </Panel>
  );
}

function Ends({ writes }: { writes: Writes }) {
  const reach = Math.max(...[...writes.top, ...writes.bottom].map(({ logit }) => Math.abs(logit)), 1e-12);
  return (
    <>
      <div className={classes.ends} data-testid="writes">
        {(["top", "bottom"] as const).map((end) => (
          <div key={end}>
            <Text size="xs" c="dimmed" component="h3" fw={500} m={0} mb={2}>
              {end === "top" ? "raises" : "lowers"}
            </Text>
            <ol className={classes.written}>
              {writes[end].map(({ id, token, logit }) => (
                <li key={id} title={`token ${id}: ${formatExact(logit)}`}>
                  <TokenChip text={token} />
                  <span className={classes.logit}>{formatValue(logit)}</span>
                  <i
                    style={{ width: `${(Math.abs(logit) / reach) * 100}%` }}
                    data-against={logit < 0 || undefined}
                    aria-hidden
                  />
                </li>
              ))}
            </ol>
          </div>
        ))}
      </div>
      <Text size="xs" c="dimmed" mt="xs">
        What one unit of activation adds to each token’s logit: its direction in the stream, through the final
        norm and the head. The whole vocabulary has mean {formatValue(writes.mean)} and std{" "}
        {formatValue(writes.std)}. Left out: {writes.left_out.join("; ")}.
      </Text>
    </>
  );
}
