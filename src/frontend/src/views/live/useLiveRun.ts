import { useEffect } from "react";
import { usePatch } from "@/state/address";
import { useOptions } from "./options";
import { newChat, openTrace, useLive } from "./store";

/** A run that waits this long is named in the address before it begins, so that a reload finds it again. */
const NAMED_AFTER_MS = 400;

const traceInAddress = () => new URLSearchParams(window.location.search).get("trace");

/** Keeps the run on screen and the trace in the address the same, whichever of the two changes. */
export function useLiveRun(): void {
  const { traceId, step } = useOptions();
  const patch = usePatch();
  const run = useLive(({ run }) => run);
  const idle = useLive(({ sent, opening }) => sent === null && opening === null);

  // biome-ignore lint/correctness/useExhaustiveDependencies: the step goes along with a trace that is opened, and opens none
  useEffect(() => {
    const { run, sent } = useLive.getState();
    if (traceId === run.traceId) return;
    if (traceId !== null) openTrace(traceId, step);
    else if (sent === null) newChat();
  }, [traceId]);

  const begun = run.start?.trace_id ?? null;
  useEffect(() => {
    if (begun !== null && begun !== traceInAddress()) patch({ trace: begun, step: null }, { push: true });
  }, [begun, patch]);

  const waiting = run.start === null && run.queued !== null ? run.traceId : null;
  useEffect(() => {
    if (waiting === null) return;
    const timer = setTimeout(() => {
      if (waiting !== traceInAddress()) patch({ trace: waiting, step: null }, { push: true });
    }, NAMED_AFTER_MS);
    return () => clearTimeout(timer);
  }, [waiting, patch]);

  // One that was refused, or stopped before it began, leaves no trace: the address goes back to what is on screen.
  const onScreen = run.traceId;
  useEffect(() => {
    // The first effect may have opened another run since this was drawn.
    const stands = useLive.getState().run.traceId === onScreen;
    if (idle && stands && traceInAddress() !== onScreen) patch({ trace: onScreen, step: null });
  }, [idle, onScreen, patch]);
}
