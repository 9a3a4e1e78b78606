import { useCallback, useEffect, useRef } from "react";
import { BUNDLED_MODEL } from "@/api/queries/models";
import { useCapture } from "@/api/queries/traces";
import { useModelId, usePatch } from "@/state/address";
import { readOptions } from "./options";
import { shownOf } from "./shown";

/** Runs a prompt on the model of the address and puts the new trace there. */
export function useRun() {
  const capture = useCapture();
  const modelId = useModelId();
  const patch = usePatch();
  const aborter = useRef<AbortController | null>(null);
  const { mutate, reset } = capture;

  const cancel = useCallback(() => {
    aborter.current?.abort();
    reset();
  }, [reset]);

  // A prompt that still runs on the model that was left must not put its trace under the one that is chosen.
  const running = useRef(modelId);
  useEffect(() => {
    if (running.current === modelId) return;
    running.current = modelId;
    cancel();
  }, [modelId, cancel]);

  const run = useCallback(
    (prompt: string, how: { push: boolean } = { push: true }) => {
      if (prompt === "") return;
      aborter.current?.abort();
      const control = new AbortController();
      aborter.current = control;
      mutate(
        { modelId, prompt, signal: control.signal },
        {
          onSuccess: ({ trace_id, layers, points, unavailable }) => {
            const here = new URLSearchParams(window.location.search);
            if ((here.get("model") ?? BUNDLED_MODEL) !== modelId) return;
            const named = here.get("layer");
            const asked = named === null ? -1 : Number(named);
            const held = shownOf({ points, unavailable }, readOptions(here).point).layers;
            const layer = layers.includes(asked) ? asked : (held[0] ?? layers[0] ?? 0);
            patch({ trace: trace_id, model: modelId, layer, layoutJob: null, clusterJob: null }, how);
          },
        },
      );
    },
    [mutate, modelId, patch],
  );

  return { run, cancel, running: capture.isPending, error: capture.error };
}
