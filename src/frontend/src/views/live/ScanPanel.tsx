import { Group, NativeSelect, Text } from "@mantine/core";
import { IconStack2 } from "@tabler/icons-react";
import { EmptyState } from "@/components/Notice";
import { Panel } from "@/components/Panel";
import { TokenChip } from "@/components/TokenChip";
import { chanceOf, type LightStep, layersOf, type Run } from "@/lib/run";
import { usePatch } from "@/state/address";
import { missingPoints } from "./columns";
import { LayerDetail } from "./LayerDetail";
import { LayerGrid } from "./LayerGrid";
import { STAT_LABELS, STATS, type Stat, useOptions } from "./options";
import classes from "./Scan.module.css";
import { useLive } from "./store";
import { useShownStep } from "./useStep";
import { useWaiting } from "./useWaiting";

/** The model's layers at the step on screen, and what is inside of one. */
export function ScanPanel() {
  const run = useLive(({ run }) => run);
  const { step } = useShownStep();
  const { stat } = useOptions();
  const patch = usePatch();
  const layers = layersOf(run);
  return (
    <Panel
      title="Layers"
      about={step && <StepWords step={step} />}
      actions={
        <NativeSelect
          size="xs"
          aria-label="Statistic shown"
          value={stat}
          data={STATS.map((value) => ({ value, label: STAT_LABELS[value] }))}
          onChange={(event) => {
            const chosen = event.currentTarget.value as Stat;
            patch({ stat: chosen === "l2" ? null : chosen });
          }}
        />
      }
    >
      {step === null ? (
        <NothingYet />
      ) : step.lost !== null ? (
        <Text size="sm" c="dimmed" py="md">
          This step can't be shown. {step.lost}
        </Text>
      ) : layers.length === 0 ? (
        <Blank run={run} />
      ) : (
        <>
          <LayerGrid run={run} step={step} layers={layers} />
          <Footnotes run={run} step={step} />
          <LayerDetail run={run} step={step} />
        </>
      )}
    </Panel>
  );
}

function StepWords({ step }: { step: LightStep }) {
  const [last] = step.inputs.slice(-1);
  return (
    <Group gap={4} wrap="nowrap" className={classes.stepWords}>
      <span>
        step {step.step}
        {last && " reads"}
      </span>
      {step.phase === "prefill"
        ? last && (
            <span>
              the prompt, {step.inputs.length} tokens{step.token !== null && ","}
            </span>
          )
        : last && <TokenChip text={last.text} special={last.special} />}
      {step.token !== null && (
        <>
          <span>gives</span>
          <TokenChip text={step.token} />
          <span>{chanceOf(step)}</span>
        </>
      )}
    </Group>
  );
}

function Footnotes({ run, step }: { run: Run; step: LightStep }) {
  const missing = missingPoints(run);
  return (
    <div className={classes.notes}>
      <p>
        {step.phase === "prefill"
          ? "Scales run over the prompt."
          : "Scales run over all steps but the prompt and those that read special tokens, up to the 99th percentile: ▲ some lie beyond, their cells have a corner."}{" "}
        A statistic is of {step.inputs.length > 1 ? "all tokens" : "the one token"} that the step read.
      </p>
      {missing.map((reason) => (
        <p key={reason}>{reason}</p>
      ))}
    </div>
  );
}

/** A run may tell nothing but tokens. */
function Blank({ run }: { run: Run }) {
  const reasons = missingPoints(run);
  return (
    <EmptyState icon={<IconStack2 size={24} />} title="This run shows no layers">
      {reasons.length > 0
        ? reasons.map((reason) => <div key={reason}>{reason}</div>)
        : "It watches no points."}
    </EmptyState>
  );
}

function NothingYet() {
  const waiting = useWaiting();
  return (
    <EmptyState icon={<IconStack2 size={24} />} title={waiting ?? "The layers will stand here"}>
      Rows are layers, columns the points of a block that are watched; the colour is a statistic of your
      choice. A click on a layer opens its strongest units and what its heads attend to.
    </EmptyState>
  );
}
