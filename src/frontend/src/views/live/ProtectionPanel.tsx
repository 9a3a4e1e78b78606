import { Button, Stack, Text } from "@mantine/core";
import { useCalibration } from "@/api/queries/calibrations";
import { JobProgress } from "@/components/JobProgress";
import { ErrorNote } from "@/components/Notice";
import { Panel } from "@/components/Panel";
import { formatAgo, formatCount, formatValue } from "@/lib/format";
import { Rises } from "./Rises";
import { useCalibrating } from "./useCalibrating";
import { useChangedModel } from "./useProtected";

/** Which units the model can't do without, and the way to find out. */
export function ProtectionPanel() {
  const { modelId, ready } = useChangedModel();
  const { data, error, isLoading } = useCalibration(modelId, ready);
  const { job, running, error: refused, start } = useCalibrating(modelId);
  if (!ready || isLoading) return null;
  return (
    <Panel title="Protected units" about={data ? String(data.protected.length) : undefined}>
      <Stack gap="xs">
        {error && <ErrorNote error={error} compact />}
        {data ? (
          <Found found={data} />
        ) : (
          !running && (
            <Text size="sm" c="dimmed">
              None is known. A calibration ablates the units one by one and protects those that the model
              can’t do without: you are then asked before you change one.
            </Text>
          )
        )}
        {refused && <ErrorNote error={refused} compact />}
        {job && <JobProgress job={job} />}
        {!running && (
          <Button size="compact-sm" variant="default" onClick={start}>
            {data ? "Find them anew" : "Find them"}
          </Button>
        )}
      </Stack>
    </Panel>
  );
}

type Calibration = NonNullable<ReturnType<typeof useCalibration>["data"]>;

function Found({ found }: { found: Calibration }) {
  const { protected: units, bound, corpus, tested, created_at: made } = found;
  return (
    <>
      <Rises units={units} label="Protected units, the largest rise first" />
      <Text size="xs" c="dimmed">
        {units.length === 0 ? "No unit" : "Each"} raises the loss by more than {formatValue(bound)} nats a
        token, of {formatCount(tested)} tested on {corpus}, {formatAgo(made)}.
      </Text>
    </>
  );
}
