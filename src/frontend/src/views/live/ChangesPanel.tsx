import { ActionIcon, Anchor, Button, Text, Tooltip } from "@mantine/core";
import { IconLock, IconLockOpen, IconX } from "@tabler/icons-react";
import { ErrorNote } from "@/components/Notice";
import { Panel } from "@/components/Panel";
import { describeChange, knowingly, overrides } from "@/lib/changes";
import { formatValue } from "@/lib/format";
import type { Change, ReceiptLine } from "@/lib/liveEvents";
import { inForceAt, isLive, type Run } from "@/lib/run";
import { GuardedGroup, guardedOf } from "./Guarded";
import classes from "./Selection.module.css";
import { change, useLive } from "./store";
import { useProtected } from "./useProtected";
import { useShownStep } from "./useStep";

/** What is changed, from when on, and what each change did at the step on screen. */
export function ChangesPanel() {
  const run = useLive(({ run }) => run);
  const wanted = useLive(({ wanted }) => wanted);
  const refusal = useLive(({ refusal }) => (refusal?.about === "change" ? refusal.error : null));
  const asking = useLive(({ asked }) => asked !== null && "group" in asked);
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
      <GuardedGroup />
      {wanted.length > 0 ? (
        <ul className={classes.changes} aria-label="Changes asked for">
          {wanted.map((one) => (
            <Wanted key={one.id} one={one} />
          ))}
        </ul>
      ) : (
        !asking && (
          <Text size="sm" c="dimmed">
            None is asked for. Boost or ablate a selected unit: it holds from the next step on, or from the
            prompt on with the next message.
          </Text>
        )
      )}
      {number >= 0 && <Receipts run={run} step={number} />}
    </Panel>
  );
}

/** A change that is asked for: from when on it holds, and whether it does what is done to protected units knowingly. */
function Wanted({ one }: { one: Change }) {
  const run = useLive(({ run }) => run);
  const wanted = useLive(({ wanted }) => wanted);
  // What is in force already was let pass.
  const settled = overrides(one) || isInForce(run, one);
  const [first, ...others] = guardedOf(useProtected(), settled ? [] : one.units);
  return (
    <li>
      <div>
        <code>{describeChange(one)}</code>
        <Text size="xs" c="dimmed">
          {whenOf(run, one)}
          {overrides(one) && (
            <>
              {" · "}
              <IconLockOpen size={12} aria-hidden style={{ verticalAlign: "-2px" }} /> protection overridden
            </>
          )}
        </Text>
        {first && (
          <Text size="xs" mt={2} title={[first, ...others].map(({ unit }) => unit).join(", ")}>
            <IconLock size={12} aria-hidden style={{ verticalAlign: "-2px" }} /> {first.unit}
            {others.length > 0 && ` and ${others.length} more`} {others.length > 0 ? "are" : "is"} protected,
            so it will be refused.{" "}
            <Anchor
              component="button"
              type="button"
              size="xs"
              onClick={() => change(wanted.map((each) => (each.id === one.id ? knowingly(each) : each)))}
            >
              Change anyway
            </Anchor>
          </Text>
        )}
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
  );
}

const isInForce = (run: Run, { id }: Change) =>
  isLive(run) && inForceAt(run, Number.POSITIVE_INFINITY).some((one) => one.id === id);

/** From when on a change that is asked for holds. */
function whenOf(run: Run, change: Change): string {
  if (!isLive(run)) return "goes with the next message";
  return isInForce(run, change) ? "in force" : "holds from the next step on";
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
