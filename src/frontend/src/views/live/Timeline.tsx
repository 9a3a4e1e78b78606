import { ActionIcon, Button, Group, NativeSelect, Text, Tooltip } from "@mantine/core";
import { IconPlayerPauseFilled, IconPlayerPlayFilled, IconPlayerTrackNextFilled } from "@tabler/icons-react";
import { Panel } from "@/components/Panel";
import { TokenChip } from "@/components/TokenChip";
import { chanceColour, cssColour } from "@/lib/colour";
import { formatPercent } from "@/lib/format";
import { chanceOf, isLive, whyNoChance } from "@/lib/run";
import { useLive } from "./store";
import classes from "./Timeline.module.css";
import { TimelineStrip } from "./TimelineStrip";
import { showStep, togglePlay, useShownStep } from "./useStep";

const SPEEDS = [1, 2, 5, 10, 20];

/** All steps of the run, and the way through them. */
export function Timeline() {
  const run = useLive(({ run }) => run);
  const stream = useLive(({ stream }) => stream);
  const playing = useLive(({ playing }) => playing);
  const speed = useLive(({ speed }) => speed);
  const { number, following } = useShownStep();
  const moving = playing || following;
  const live = isLive(run) && run.start !== null;
  return (
    <Panel
      title="Timeline"
      about={
        <Group gap={6} wrap="nowrap">
          <span>
            {run.steps.length === 0
              ? "no steps yet"
              : `step ${number} · ${run.steps.length} ${run.steps.length === 1 ? "step" : "steps"}`}
          </span>
          {live && <span>· {stream === "lost" ? "joining again" : "live"}</span>}
        </Group>
      }
      actions={
        <Group gap="xs" wrap="nowrap">
          {live && !following && (
            <Button
              size="compact-xs"
              variant="light"
              autoContrast={false}
              leftSection={<IconPlayerTrackNextFilled size={12} aria-hidden />}
              onClick={() => showStep(null)}
            >
              Follow
            </Button>
          )}
          <Tooltip label={moving ? "Hold (Space)" : "Play (Space)"}>
            <ActionIcon
              variant="default"
              aria-label={moving ? "Hold" : "Play"}
              disabled={run.steps.length === 0}
              onClick={togglePlay}
            >
              {moving ? <IconPlayerPauseFilled size={14} /> : <IconPlayerPlayFilled size={14} />}
            </ActionIcon>
          </Tooltip>
          <NativeSelect
            size="xs"
            aria-label="Speed"
            value={speed}
            data={SPEEDS.map((value) => ({ value: String(value), label: `${value} a second` }))}
            onChange={(event) => useLive.setState({ speed: Number(event.currentTarget.value) })}
          />
        </Group>
      }
    >
      <TimelineStrip run={run} shown={number} />
      <Readout />
    </Panel>
  );
}

/** What the step gave, and what it nearly gave. */
function Readout() {
  const { step } = useShownStep();
  const why = step && whyNoChance(step);
  const untold = useLive(({ run }) =>
    run.steps.some(({ token, logprob }) => token !== null && logprob === null),
  );
  const ramp = Array.from({ length: 9 }, (_, at) => cssColour(chanceColour(at / 8)));
  const others = step?.top.filter(({ text }) => text !== step.token).slice(0, 3) ?? [];
  return (
    <div className={classes.readout}>
      {step?.token != null ? (
        <Group gap={6} wrap="nowrap" miw={0} style={{ overflow: "hidden" }}>
          <TokenChip text={step.token} />
          {why ? <span>{why}</span> : <strong>{chanceOf(step)}</strong>}
          {others.length > 0 && <span>else</span>}
          {others.map(({ text, logprob }, at) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: the likeliest tokens, by their rank
            <Group key={at} gap={4} wrap="nowrap">
              <TokenChip text={text} />
              <span>{formatPercent(Number.isFinite(logprob) ? Math.exp(logprob) : null)}</span>
            </Group>
          ))}
        </Group>
      ) : (
        <span>
          {step?.lost ?? "One cell for each token that the model gives; ← and → move, Space plays."}
        </span>
      )}
      <Text component="span" size="xs" className={classes.key}>
        Probability of a token 0 %
        <span
          className={classes.ramp}
          style={{ background: `linear-gradient(to right, ${ramp.join(",")})` }}
        />
        100 %{untold && " · grey: not told"}
      </Text>
    </div>
  );
}
