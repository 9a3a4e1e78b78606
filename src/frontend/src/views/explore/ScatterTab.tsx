import { Skeleton, Stack } from "@mantine/core";
import { IconChartDots3 } from "@tabler/icons-react";
import { type ReactNode, useMemo } from "react";
import { useJob } from "@/api/queries/jobs";
import type { TraceDetail } from "@/api/types";
import { JobProgress } from "@/components/JobProgress";
import { EmptyState, ErrorNote } from "@/components/Notice";
import { Panel } from "@/components/Panel";
import { parseUnit } from "@/lib/address";
import { formatValue } from "@/lib/format";
import { isActive } from "@/lib/jobs";
import { joinPoints, type Point, readClusters, readLayout } from "@/lib/scatter";
import { useSession } from "@/state/session";
import { Columns } from "./Columns";
import { ScatterForm } from "./ScatterForm";
import { ScatterGroups } from "./ScatterGroups";
import { ScatterPlot } from "./ScatterPlot";
import { useScatterOptions } from "./scatterOptions";
import { UnitSelection } from "./UnitSelection";
import { useScatterForm } from "./useScatterForm";

interface ScatterTabProps {
  head: ReactNode;
  trace: TraceDetail | null;
}

/** Neurons as points: placed by one analysis, coloured by another. */
export function ScatterTab({ head, trace }: ScatterTabProps) {
  const { layoutJob, clusterJob } = useScatterOptions();
  const form = useScatterForm(trace);
  const selected = useSession((session) => session.selection !== null);
  const layout = useJob(layoutJob);
  const clusters = useJob(clusterJob);

  const placed = useMemo(() => readLayout(layout.data?.result), [layout.data]);
  const grouped = useMemo(() => readClusters(clusters.data?.result), [clusters.data]);
  const byLayer = form.colour === "layer";
  const points = useMemo(() => {
    if (!placed) return null;
    const joined = joinPoints(placed, byLayer ? null : grouped);
    return byLayer
      ? joined.map((point): Point => ({ ...point, cluster: parseUnit(point.unit)?.layer ?? null }))
      : joined;
  }, [placed, grouped, byLayer]);

  const jobs = [layout.data, clusters.data].flatMap((job) => (job && job.state !== "done" ? [job] : []));
  const lost = layout.error ?? clusters.error;
  return (
    <Columns
      head={head}
      aside={
        <>
          {/* What was just chosen must show without a scroll. */}
          {selected && <UnitSelection />}
          <ScatterForm form={form} />
          {points && form.colour !== "none" && (
            <ScatterGroups
              points={points}
              word={byLayer ? "Layer" : "Cluster"}
              silhouette={byLayer ? null : (grouped?.silhouette ?? null)}
            />
          )}
          {!selected && <UnitSelection />}
        </>
      }
    >
      <Panel
        title="Neurons by likeness"
        about={points && placed ? describe(points.length, placed.divergence) : undefined}
        flush
      >
        <Stack gap="sm" px="sm">
          {jobs.map((job) => (
            <JobProgress key={job.job_id} job={job} companion={job === layout.data ? clusters.data : null} />
          ))}
          {lost && <ErrorNote error={lost} onRetry={form.run} compact />}
        </Stack>
        {points && placed ? (
          <ScatterPlot points={points} layout={placed} groupWord={byLayer ? "layer" : "cluster"} />
        ) : jobs.some(isActive) || (layoutJob && layout.isPending) ? (
          <Skeleton height={420} m="sm" w="auto" />
        ) : (
          <EmptyState icon={<IconChartDots3 size={24} />} title="Neurons that fire together lie together">
            {form.sources.length > 0 || form.indexesPending
              ? "Choose a layout at the side and press “Draw the scatter”. Then click a point, or draw a lasso around many."
              : "A scatter needs activations: run a prompt above, or build an index on the Neuron page."}
          </EmptyState>
        )}
      </Panel>
    </Columns>
  );
}

const describe = (count: number, divergence: number | null) =>
  `${count} units${divergence === null ? "" : ` · divergence ${formatValue(divergence)}`}; drag a lasso to choose some`;
