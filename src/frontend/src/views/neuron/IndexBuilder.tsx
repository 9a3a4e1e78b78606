import { Stack } from "@mantine/core";
import { IconDatabasePlus } from "@tabler/icons-react";
import { BuildForm } from "@/components/index/BuildForm";
import { useIndexBuild } from "@/components/index/useIndexBuild";
import { JobProgress } from "@/components/JobProgress";
import { EmptyState, ErrorNote } from "@/components/Notice";
import { Panel } from "@/components/Panel";
import { NEURONS, pointWord } from "@/lib/points";

/** Builds an index of units of these points here and now. */
export function IndexBuilder({ points }: { points: readonly string[] }) {
  const { job, running, error, pending, start } = useIndexBuild();
  const neurons = points.length === 1 && points[0] === NEURONS;
  const what = neurons ? "this neuron" : points.length === 1 ? "this unit" : "these units";
  return (
    <Panel title="Contexts">
      <EmptyState
        icon={<IconDatabasePlus size={24} />}
        title={running ? "The index is being built" : `Build an index to read what drives ${what}`}
      >
        {neurons
          ? "An index reads a corpus once and keeps, for every neuron of the model, the exact contexts that drive it hardest. The bundled corpus takes about ten seconds for the bundled model."
          : `No index of this model holds all of: ${points.map(pointWord).join(", ")}. One reads a corpus once and keeps, for every such unit, the exact contexts that drive it hardest.`}
      </EmptyState>
      <Stack maw={580} mx="auto" gap="sm" pb="md">
        {job && <JobProgress job={job} />}
        {error && <ErrorNote error={error} compact />}
        {!running && <BuildForm pending={pending} onBuild={start} points={points} />}
      </Stack>
    </Panel>
  );
}
