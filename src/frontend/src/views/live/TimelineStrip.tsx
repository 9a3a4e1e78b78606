import { useElementSize } from "@mantine/hooks";
import { type KeyboardEvent, type PointerEvent, useEffect, useRef, useState } from "react";
import { useThemeName } from "@/components/useThemeName";
import { chanceColour, cssColour, inkOn } from "@/lib/colour";
import { chanceOf, type LightStep, probabilityOf, type Run, whyNoChance } from "@/lib/run";
import { showToken, spellToken } from "@/lib/tokens";
import classes from "./Timeline.module.css";
import { moveStep, showStep } from "./useStep";

const HEIGHT = 30;
/** A few tokens need not fill the whole width. */
const WIDEST = 48;
/** From this width on a cell shows its token, where it fits. */
const READABLE = 10;
const PAGE = 10;
/** The ground of a token whose probability is not told. */
const UNTOLD = "#80808060";

/** One cell for each step, coloured by the probability of its token; a slider for mouse and keyboard. */
export function TimelineStrip({ run, shown }: { run: Run; shown: number }) {
  const theme = useThemeName();
  const { ref, width } = useElementSize();
  const canvas = useRef<HTMLCanvasElement>(null);
  const count = run.steps.length;
  const cell = count > 0 ? Math.min(WIDEST, width / count) : 0;

  // biome-ignore lint/correctness/useExhaustiveDependencies: what was changed is marked in the theme's accent
  useEffect(() => {
    if (canvas.current) paint(canvas.current, run, cell);
  }, [run, cell, theme]);

  const move = (event: KeyboardEvent) => {
    const by: Record<string, () => void> = {
      ArrowLeft: () => moveStep(-1),
      ArrowDown: () => moveStep(-1),
      ArrowRight: () => moveStep(1),
      ArrowUp: () => moveStep(1),
      PageDown: () => moveStep(-PAGE),
      PageUp: () => moveStep(PAGE),
      Home: () => showStep(0),
      End: () => showStep(null),
    };
    const act = by[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  };
  const stepUnder = (event: PointerEvent<HTMLElement>) => {
    const left = event.currentTarget.getBoundingClientRect().left;
    const step = Math.floor((event.clientX - left) / Math.max(cell, 1e-6));
    return Math.max(0, Math.min(count - 1, step));
  };
  const scrub = (event: PointerEvent<HTMLElement>) => {
    if (count > 0) showStep(stepUnder(event));
  };
  const [under, setUnder] = useState<number | null>(null);
  const pointedAt = under === null ? undefined : run.steps[under];
  const step = run.steps[shown];
  return (
    <div ref={ref}>
      <div
        className={classes.timeline}
        role="slider"
        tabIndex={count > 0 ? 0 : -1}
        aria-label="Step"
        aria-disabled={count === 0 || undefined}
        aria-valuemin={0}
        aria-valuemax={Math.max(0, count - 1)}
        aria-valuenow={Math.max(0, shown)}
        aria-valuetext={step ? wordsOf(step) : "no steps yet"}
        title={pointedAt && wordsOf(pointedAt)}
        style={{ height: HEIGHT, width: count > 0 ? cell * count : undefined }}
        onKeyDown={move}
        onPointerDown={(event) => {
          event.currentTarget.setPointerCapture?.(event.pointerId);
          scrub(event);
        }}
        onPointerMove={(event) => {
          setUnder(stepUnder(event));
          if (event.buttons & 1) scrub(event);
        }}
        onPointerLeave={() => setUnder(null)}
      >
        <canvas ref={canvas} aria-hidden />
        {step && <div className={classes.marker} style={{ left: shown * cell, width: Math.max(3, cell) }} />}
      </div>
    </div>
  );
}

/** What a cell stands for, and why one is grey. */
function wordsOf(step: LightStep): string {
  const why = whyNoChance(step);
  const token = step.token === null ? [] : [spellToken(step.token)];
  return [`step ${step.step}`, ...token, why ?? chanceOf(step)].join(", ");
}

function paint(canvas: HTMLCanvasElement, run: Run, cell: number): void {
  const context = canvas.getContext("2d");
  const scale = window.devicePixelRatio || 1;
  const width = Math.max(1, cell * run.steps.length);
  canvas.width = Math.round(width * scale);
  canvas.height = HEIGHT * scale;
  canvas.style.width = `${width}px`;
  canvas.style.height = `${HEIGHT}px`;
  if (!context || cell === 0) return;
  context.scale(scale, scale);
  const font = getComputedStyle(canvas).getPropertyValue("--mantine-font-family-monospace") || "monospace";
  context.font = `11px ${font}`;
  const ink = getComputedStyle(canvas).getPropertyValue("--mantine-color-text") || "#808080";
  context.textAlign = "center";
  context.textBaseline = "middle";
  // Cells of less than a pixel are drawn one a pixel, so that a long run costs no more than its width.
  const skip = Math.max(1, Math.floor(1 / cell));
  const gap = cell >= 4 ? 1 : 0;
  for (let at = 0; at < run.steps.length; at += skip) {
    const step = run.steps[at];
    if (!step) continue;
    const chance = probabilityOf(step);
    const ground = chanceColour(chance ?? 0);
    context.fillStyle = chance === null ? UNTOLD : cssColour(ground);
    context.fillRect(at * cell, 0, Math.max(1, cell * skip - gap), HEIGHT - 4);
    // What was changed at this step shows below its cell.
    if (run.receipts.get(at)?.interventions.some(({ fired }) => fired)) {
      context.fillStyle = getComputedStyle(canvas).color;
      context.fillRect(at * cell, HEIGHT - 3, Math.max(1, cell * skip - gap), 3);
    }
    if (cell < READABLE || step.token === null) continue;
    // A part of a word says nothing, and the space before one only takes room.
    const text = showToken(step.token.replace(/^ (?=\S)/, ""));
    if (context.measureText(text).width > cell - 3) continue;
    context.fillStyle = chance === null ? ink : inkOn(ground);
    context.fillText(text, (at + 0.5) * cell - gap / 2, (HEIGHT - 4) / 2);
  }
}
