import { useCallback, useEffect, useRef } from "react";
import { isLive, type LightStep, type Run } from "@/lib/run";
import { usePatch } from "@/state/address";
import { useOptions } from "./options";
import { useLive } from "./store";

/** A browser refuses an address that changes more than some twenty times a second. */
const WRITTEN_AFTER_MS = 200;

/** Number of the step on screen; −1 where there is none yet. */
export const stepOnScreen = (run: Run, shown: number | null): number =>
  Math.min(shown ?? Number.POSITIVE_INFINITY, run.steps.length - 1);

export function useShownStep(): { number: number; step: LightStep | null; following: boolean } {
  const run = useLive(({ run }) => run);
  const shown = useLive(({ shown }) => shown);
  const number = stepOnScreen(run, shown);
  return { number, step: run.steps[number] ?? null, following: shown === null && isLive(run) };
}

/** Shows a step, and pauses; null follows the newest one. */
export const showStep = (shown: number | null): void => useLive.setState({ shown, playing: false });

/** Moves by some steps, from the one on screen. Beyond the newest one of a run that goes on, follows it. */
export function moveStep(by: number): void {
  const { run, shown } = useLive.getState();
  const last = run.steps.length - 1;
  const next = stepOnScreen(run, shown) + by;
  showStep(next > last && isLive(run) ? null : Math.max(0, Math.min(last, next)));
}

/** Plays on from the step on screen, or holds it. */
export function togglePlay(): void {
  const { run, shown, playing } = useLive.getState();
  const now = stepOnScreen(run, shown);
  if (playing) useLive.setState({ playing: false });
  else if (shown === null && isLive(run)) showStep(Math.max(0, now));
  else useLive.setState({ playing: true, shown: now >= run.steps.length - 1 && !isLive(run) ? 0 : now });
}

/** Keeps the step in the address, and takes it from there; moves it while playing. Call it once in the view. */
export function useStepSync(): void {
  const patch = usePatch();
  const { step: asked } = useOptions();
  const shown = useLive(({ shown }) => shown);
  const playing = useLive(({ playing }) => playing);
  const speed = useLive(({ speed }) => speed);
  const written = useRef(asked);

  useEffect(() => {
    if (asked === written.current) return;
    written.current = asked;
    showStep(asked);
  }, [asked]);

  useEffect(() => {
    if (playing) return;
    const timer = setTimeout(() => {
      if (written.current === shown) return;
      written.current = shown;
      patch({ step: shown });
    }, WRITTEN_AFTER_MS);
    return () => clearTimeout(timer);
  }, [shown, playing, patch]);

  const advance = useCallback(() => {
    const { run, shown } = useLive.getState();
    const now = stepOnScreen(run, shown);
    const last = run.steps.length - 1;
    if (now < last) useLive.setState({ shown: now + 1 });
    else showStep(isLive(run) ? null : last);
  }, []);
  useEffect(() => {
    if (!playing) return;
    const timer = setInterval(advance, 1000 / speed);
    return () => clearInterval(timer);
  }, [playing, speed, advance]);
}
