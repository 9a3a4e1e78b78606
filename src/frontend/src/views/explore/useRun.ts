import { useCallback, useRef } from "react";
import { useCapture } from "@/api/queries/traces";
import { useModelId, usePatch } from "@/state/address";

/** Runs a prompt on the model of the address and puts the new trace there. */
export function useRun() {
  const capture = useCapture();
  const modelId = useModelId();
  const patch = usePatch();
  const aborter = useRef<AbortController | null>(null);
  const { mutate, reset } = capture;

  const run = useCallback(
    (prompt: string, how: { push: boolean } = { push: true }) => {
      if (prompt === "") return;
      aborter.current?.abort();
      const control = new AbortController();
      aborter.current = control;
      mutate(
        { modelId, prompt, signal: control.signal },
        {
          onSuccess: ({ trace_id, layers }) => {
            const asked = Number(new URLSearchParams(window.location.search).get("layer") ?? 0);
            const layer = layers.includes(asked) ? asked : (layers[0] ?? 0);
            patch({ trace: trace_id, model: modelId, layer, layoutJob: null, clusterJob: null }, how);
          },
        },
      );
    },
    [mutate, modelId, patch],
  );

  const cancel = useCallback(() => {
    aborter.current?.abort();
    reset();
  }, [reset]);

  return { run, cancel, running: capture.isPending, error: capture.error };
}
