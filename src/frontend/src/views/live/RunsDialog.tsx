import { ScrollArea, Text } from "@mantine/core";
import { Dialog } from "@/components/Dialog";
import { ErrorNote } from "@/components/Notice";
import { formatBytes } from "@/lib/format";
import { useModelId } from "@/state/address";
import { alike } from "./alike";
import classes from "./Chat.module.css";
import { RunRow } from "./RunRow";
import { useRuns } from "./useRuns";

/** Every recorded run of the model, with what it takes on the disk. */
export function RunsDialog({ opened, onClose }: { opened: boolean; onClose: () => void }) {
  return (
    <Dialog opened={opened} onClose={onClose} title="Recorded runs" size="md">
      {opened && <Runs onClose={onClose} />}
    </Dialog>
  );
}

function Runs({ onClose }: { onClose: () => void }) {
  const modelId = useModelId();
  const { runs, totalBytes, limitBytes, error } = useRuns();
  const apart = alike(runs);
  if (error) return <ErrorNote error={error} compact />;
  const own = runs.reduce((sum, { bytes }) => sum + bytes, 0);
  return (
    <>
      <Text size="sm" c="dimmed" mb="xs">
        {runs.length === 0
          ? `No run of ${modelId} has been recorded yet.`
          : `${runs.length} of ${modelId}, ${formatBytes(own)}.`}{" "}
        {totalBytes !== null &&
          (limitBytes === null
            ? `All traces take ${formatBytes(totalBytes)}; without a limit none goes by itself.`
            : `All traces take ${formatBytes(totalBytes)} of ${formatBytes(limitBytes)}; beyond that the oldest that are not pinned go.`)}
      </Text>
      <ScrollArea.Autosize
        mah="60vh"
        type="auto"
        offsetScrollbars
        viewportProps={{ tabIndex: 0, "aria-label": "Recorded runs" }}
      >
        <ul className={classes.runs}>
          {runs.map((run) => (
            <RunRow key={run.trace_id} run={run} apart={apart.get(run.trace_id)} onOpen={onClose} />
          ))}
        </ul>
      </ScrollArea.Autosize>
    </>
  );
}
