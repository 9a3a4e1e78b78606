import { Anchor, ScrollArea, Skeleton, Text } from "@mantine/core";
import { Link } from "react-router";
import { useHeatmap } from "@/api/queries/traces";
import { Panel } from "@/components/Panel";
import { TokenChip } from "@/components/TokenChip";
import { formatAddress } from "@/lib/address";
import { formatValue } from "@/lib/format";
import { useNeuronHref } from "@/state/address";
import classes from "./Explore.module.css";
import { BY_LABELS, NEURONS, useOptions } from "./options";
import { peakOf } from "./peak";
import { useShown } from "./shown";

/** The heatmap's rows as a list: the same way to a neuron for the keyboard and for screen readers. */
export function StrongestUnits({ traceId }: { traceId: string }) {
  const { point: asked, layer, top, by } = useOptions();
  const shown = useShown();
  const point = shown?.point ?? asked;
  const missing = shown?.missing.has(layer) ?? false;
  const answer = useHeatmap(traceId, shown && !missing ? formatAddress(point, layer) : null, top, by);
  const data = missing ? undefined : answer.data;
  const href = useNeuronHref();
  const rows = data?.units.map((unit, at) => ({ unit, ...peakOf(data.values[at] ?? [], data.tokens) })) ?? [];
  const reach = Math.max(...rows.map(({ value }) => (Number.isFinite(value) ? Math.abs(value) : 0)), 1e-12);
  return (
    <Panel
      title={point === NEURONS ? "Strongest neurons" : "Strongest units"}
      about={`layer ${layer} · by ${BY_LABELS[by]}`}
    >
      {data ? (
        <ScrollArea.Autosize
          mah={420}
          type="auto"
          offsetScrollbars
          viewportProps={{ tabIndex: 0, "aria-label": "Strongest units" }}
        >
          <ol className={classes.rows}>
            {rows.map(({ unit, token, value }) => (
              <li
                key={unit}
                className={classes.row}
                style={{ gridTemplateColumns: "3.5rem minmax(0, 5.5rem) minmax(0, 1fr) 3.5rem" }}
              >
                {point === NEURONS ? (
                  <Anchor component={Link} to={href(`${data.address}:${unit}`)} size="sm" ff="monospace">
                    #{unit}
                  </Anchor>
                ) : (
                  <span style={{ fontFamily: "var(--mantine-font-family-monospace)" }}>#{unit}</span>
                )}
                <span style={{ minWidth: 0, overflow: "hidden" }}>
                  <TokenChip text={token} />
                </span>
                <div aria-hidden>
                  {Number.isFinite(value) && (
                    <div className={classes.bar} style={{ width: `${(Math.abs(value) / reach) * 100}%` }} />
                  )}
                </div>
                <span className={classes.number}>{formatValue(value)}</span>
              </li>
            ))}
          </ol>
        </ScrollArea.Autosize>
      ) : missing || answer.error ? (
        <Text size="sm" c="dimmed">
          {missing ? "This layer has none that can be read." : "There is nothing to rank."}
        </Text>
      ) : (
        <Skeleton height={160} />
      )}
    </Panel>
  );
}
