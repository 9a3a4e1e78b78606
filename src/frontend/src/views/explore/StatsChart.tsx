import { Skeleton } from "@mantine/core";
import { useLayers } from "@/api/queries/traces";
import { LineChart } from "@/components/LineChart";
import { Panel } from "@/components/Panel";
import { usePatch } from "@/state/address";
import { useOptions } from "./options";
import { useShown } from "./shown";
import { ABOUT, show, useColumn } from "./stats";

/** One statistic over the layers. */
export function StatsChart({ traceId }: { traceId: string }) {
  const { strip, layer } = useOptions();
  const shown = useShown();
  const column = useColumn();
  const patch = usePatch();
  const { data } = useLayers(traceId, shown?.point ?? null, strip);
  return (
    <Panel title={`${column} by layer`} about={ABOUT[column]}>
      {data ? (
        <LineChart
          label={`${column} of ${data.point} by layer`}
          points={data.layers.flatMap((row) =>
            Number.isFinite(row.stats[column]) ? [{ x: row.layer, y: row.stats[column] }] : [],
          )}
          chosen={layer}
          format={(value) => show(column, value)}
          onChoose={(next) => patch({ layer: next })}
        />
      ) : (
        <Skeleton height={190} />
      )}
    </Panel>
  );
}
