import { Stack } from "@mantine/core";
import { IconDatabasePlus } from "@tabler/icons-react";
import { BuildForm } from "@/components/index/BuildForm";
import { useIndexBuild } from "@/components/index/useIndexBuild";
import { JobProgress } from "@/components/JobProgress";
import { EmptyState, ErrorNote } from "@/components/Notice";
import { Panel } from "@/components/Panel";

/** Builds an index here and now. */
export function IndexBuilder() {
  const { job, running, error, pending, start } = useIndexBuild();
  return (
    <Panel title="Strongest contexts">
      <EmptyState
        icon={<IconDatabasePlus size={24} />}
        title={running ? "The index is being built" : "Build an index to read what drives this neuron"}
      >
        An index reads a corpus once and keeps, for every neuron of the model, the exact contexts that drive
        it hardest. The bundled corpus takes about ten seconds for the bundled model.
      </EmptyState>
      <Stack maw={580} mx="auto" gap="sm" pb="md">
        {job && <JobProgress job={job} />}
        {error && <ErrorNote error={error} compact />}
        {!running && <BuildForm pending={pending} onBuild={start} />}
      </Stack>
    </Panel>
  );
}
