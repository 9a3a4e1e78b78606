import { Stack, Text } from "@mantine/core";
import { BuildForm } from "@/components/index/BuildForm";
import { useIndexBuild } from "@/components/index/useIndexBuild";
import { JobProgress } from "@/components/JobProgress";
import { ErrorNote } from "@/components/Notice";
import { Panel } from "@/components/Panel";

/** Builds an index, or shows the build at work. */
export function NewIndex() {
  const { job, running, error, pending, start } = useIndexBuild();
  return (
    <Panel title="New index">
      <Stack gap="sm">
        {job && <JobProgress job={job} />}
        {running && (
          <Text size="xs" c="dimmed">
            You can leave this page meanwhile. What was read is kept: after a cancel or a restart, the same
            build goes on from there.
          </Text>
        )}
        {error && <ErrorNote error={error} compact />}
        {!running && <BuildForm pending={pending} onBuild={start} full />}
      </Stack>
    </Panel>
  );
}
