import { Skeleton, Stack, Text } from "@mantine/core";
import type { TraceDetail } from "@/api/types";
import { Panel } from "@/components/Panel";
import { TokenChip } from "@/components/TokenChip";
import { formatPercent } from "@/lib/format";
import classes from "./Explore.module.css";

const SHOWN = 6;

/** What the model would say next. */
export function NextTokens({ trace }: { trace: TraceDetail | null }) {
  return (
    <Panel title="Next token" about="likeliest first">
      {trace ? (
        <ol className={classes.rows} data-testid="next-tokens">
          {trace.top.slice(0, SHOWN).map((token) => {
            // Null where the logits overflowed: then no token is likelier than another, and a bar would lie.
            const share = Number.isFinite(token.logprob) ? Math.exp(token.logprob) : null;
            return (
              <li
                key={token.id}
                className={classes.row}
                style={{ gridTemplateColumns: "6rem minmax(0, 1fr) 4.5rem" }}
              >
                <span>
                  <TokenChip text={token.text} />
                </span>
                <div aria-hidden>
                  {share !== null && <div className={classes.bar} style={{ width: `${share * 100}%` }} />}
                </div>
                <span className={classes.number}>{formatPercent(share)}</span>
              </li>
            );
          })}
          {trace.top.some(({ logprob }) => !Number.isFinite(logprob)) && (
            <Text size="sm" c="dimmed">
              The model's logits are not finite here, so nothing can be predicted from them.
            </Text>
          )}
          {trace.top.length === 0 && (
            <Text size="sm" c="dimmed">
              This trace keeps no predictions.
            </Text>
          )}
        </ol>
      ) : (
        <Stack gap={6}>
          <Skeleton height={20} />
          <Skeleton height={20} />
          <Skeleton height={20} />
        </Stack>
      )}
    </Panel>
  );
}
