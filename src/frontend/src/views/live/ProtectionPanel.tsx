import { Button, Stack, Text, UnstyledButton } from "@mantine/core";
import { useCalibration } from "@/api/queries/calibrations";
import { JobProgress } from "@/components/JobProgress";
import { ErrorNote } from "@/components/Notice";
import { Panel } from "@/components/Panel";
import { parseUnit } from "@/lib/address";
import { formatAgo, formatCount, formatValue } from "@/lib/format";
import { usePatch } from "@/state/address";
import classes from "./Selection.module.css";
import { useCalibrating } from "./useCalibrating";
import { useChangedModel } from "./useProtected";

const SHOWN = 5;

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
  const patch = usePatch();
  const { protected: units, bound, corpus, tested, created_at: made } = found;
  const select = (unit: string) => {
    const place = parseUnit(unit);
    if (place) patch({ unit, layer: place.layer, point: place.point === "mlp_act" ? null : place.point });
  };
  return (
    <>
      {units.length > 0 && (
        <ul className={classes.rises} aria-label="Protected units, the largest rise first">
          {units.slice(0, SHOWN).map(({ unit, rise }) => (
            <li key={unit}>
              <UnstyledButton onClick={() => select(unit)}>{unit}</UnstyledButton>
              <span title="Rise of the loss with it ablated alone, in nats a token">
                {rise === null ? "beyond number" : `+${formatValue(rise)}`}
              </span>
            </li>
          ))}
        </ul>
      )}
      <Text size="xs" c="dimmed">
        {units.length > SHOWN && `And ${formatCount(units.length - SHOWN)} more. `}
        {units.length === 0 ? "No unit" : "Each"} raises the loss by more than {formatValue(bound)} nats a
        token, of {formatCount(tested)} tested on {corpus}, {formatAgo(made)}.
      </Text>
    </>
  );
}
