import { type KeyboardEvent, useRef } from "react";
import { chanceColour, cssColour } from "@/lib/colour";
import { chanceOf, isMark, type LightStep, probabilityOf, type Run } from "@/lib/run";
import { showToken, spellToken } from "@/lib/tokens";
import classes from "./Chat.module.css";
import { moveStep, showStep } from "./useStep";

/** What the run said, token by token: the line under each has the colour of its probability. One stop for Tab. */
export function TokenRun({ run, shown }: { run: Run; shown: number }) {
  const strip = useRef<HTMLDivElement>(null);
  const move = (event: KeyboardEvent) => {
    const by: Record<string, () => void> = {
      ArrowLeft: () => moveStep(-1),
      ArrowRight: () => moveStep(1),
      Home: () => showStep(0),
      End: () => showStep(null),
    };
    const act = by[event.key];
    if (!act) return;
    event.preventDefault();
    act();
    requestAnimationFrame(() =>
      strip.current?.querySelector<HTMLElement>("button[aria-current]")?.focus({ preventScroll: true }),
    );
  };
  return (
    <div
      ref={strip}
      className={classes.said}
      role="toolbar"
      aria-label="Tokens of the model"
      onKeyDown={move}
    >
      {run.steps.map((step) => (
        <Said
          key={step.step}
          step={step}
          mark={isMark(run, step)}
          current={step.step === shown}
          colour={cssColour(chanceColour(probabilityOf(step) ?? 0))}
        />
      ))}
    </div>
  );
}

function Said({
  step,
  mark,
  current,
  colour,
}: {
  step: LightStep;
  mark: boolean;
  current: boolean;
  colour: string;
}) {
  if (step.token === null) return null;
  const chance = chanceOf(step);
  return (
    <>
      <button
        type="button"
        className={classes.saidToken}
        style={{ borderBottomColor: colour }}
        data-mark={mark || undefined}
        data-value={chance}
        aria-label={`${spellToken(step.token)}: ${chance}`}
        aria-current={current ? "step" : undefined}
        tabIndex={current ? 0 : -1}
        onClick={() => showStep(step.step)}
      >
        {showToken(step.token)}
      </button>
      {step.token.includes("\n") && <br />}
    </>
  );
}
