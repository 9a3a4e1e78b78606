import { ActionIcon, Button, Text, Tooltip } from "@mantine/core";
import { IconLockOpen, IconX } from "@tabler/icons-react";
import { ErrorNote } from "@/components/Notice";
import { Panel } from "@/components/Panel";
import { describeChange, overrides } from "@/lib/changes";
import { formatValue } from "@/lib/format";
import type { Change, ReceiptLine } from "@/lib/liveEvents";
import { inForceAt, isLive, type Run } from "@/lib/run";
import classes from "./Selection.module.css";
import { change, useLive } from "./store";
import { useShownStep } from "./useStep";

/** What is changed, from when on, and what each change did at the step on screen. */
export function ChangesPanel() {
  const run = useLive(({ run }) => run);
  const wanted = useLive(({ wanted }) => wanted);
  const refusal = useLive(({ refusal }) => (refusal?.about === "change" ? refusal.error : null));
  const { number } = useShownStep();
  return (
    <Panel
      title="Changes"
      actions={
        wanted.length > 0 && (
          <Button size="compact-xs" variant="default" onClick={() => change([])}>
            Clear
          </Button>
        )
      }
    >
      {refusal && (
        <div className={classes.refusal}>
          <ErrorNote error={refusal} compact />
        </div>
      )}
      {wanted.length === 0 ? (
        <Text size="sm" c="dimmed">
          None is asked for. Boost or ablate a selected unit: it holds from the next step on, or from the
          prompt on with the next message.
        </Text>
      ) : (
        <ul className={classes.changes} aria-label="Changes asked for">
          {wanted.map((one) => (
            <li key={one.id}>
              <div>
                <code>{describeChange(one)}</code>
                <Text size="xs" c="dimmed">
                  {whenOf(run, one)}
                  {overrides(one) && (
                    <>
                      {" · "}
                      <IconLockOpen size={12} aria-hidden style={{ verticalAlign: "-2px" }} /> protection
                      overridden
                    </>
                  )}
                </Text>
              </div>
              <Tooltip label="Take it out">
                <ActionIcon
                  size="sm"
                  variant="subtle"
                  color="gray"
                  aria-label={`Take out ${describeChange(one)}`}
                  onClick={() => change(wanted.filter(({ id }) => id !== one.id))}
                >
                  <IconX size={14} />
                </ActionIcon>
              </Tooltip>
            </li>
          ))}
        </ul>
      )}
      {number >= 0 && <Receipts run={run} step={number} />}
    </Panel>
  );
}

/** From when on a change that is asked for holds. */
function whenOf(run: Run, { id }: Change): string {
  if (!isLive(run)) return "goes with the next message";
  return inForceAt(run, Number.POSITIVE_INFINITY).some((one) => one.id === id)
    ? "in force"
    : "holds from the next step on";
}

function Receipts({ run, step }: { run: Run; step: number }) {
  const defined = inForceAt(run, step);
  const lines = run.receipts.get(step)?.interventions ?? [];
  if (lines.length === 0)
    return (
      <Text size="xs" c="dimmed" mt="xs">
        At step {step} nothing was changed.
      </Text>
    );
  return (
    <section className={classes.receipts} aria-label={`Receipts of step ${step}`}>
      <h3>At step {step}</h3>
      <ul>
        {lines.map((line) => (
          <Line key={line.id} line={line} change={defined.find(({ id }) => id === line.id)} />
        ))}
      </ul>
    </section>
  );
}

const many = (count: number, what: string) => `${count} ${what}${count === 1 ? "" : "s"}`;

function Line({ line, change }: { line: ReceiptLine; change: Change | undefined }) {
  return (
    <li data-fired={line.fired || undefined}>
      <code>{change ? describeChange(change) : line.id}</code>
      <Text size="xs" c="dimmed">
        {line.fired
          ? `changed ${many(line.units, "unit")} at ${many(line.positions, "position")}, by ${formatValue(line.delta_l2)} in L2 norm`
          : `did not fire${line.note ? `: ${line.note}` : ""}`}
      </Text>
    </li>
  );
}
