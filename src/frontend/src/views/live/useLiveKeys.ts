import { useEffect } from "react";
import { clampIndex } from "@/lib/address";
import type { Kind } from "@/lib/changes";
import { layersOf } from "@/lib/run";
import { usePatch } from "@/state/address";
import { readOptions } from "./options";
import { change, useLive } from "./store";
import { moveStep, showStep, togglePlay } from "./useStep";
import { useWish } from "./useWish";

/* Where a key belongs to what is in focus: fields, lists of choices, open dialogs. */
const OWN_KEYS =
  "input, textarea, select, [contenteditable], [role=slider], [role=toolbar], [role=dialog], [role=listbox]";

/** The keys of the Live view; silent while one types. */
export function useLiveKeys(): void {
  const patch = usePatch();
  const wish = useWish();
  useEffect(() => {
    const moveLayer = (by: number) => {
      const layers = layersOf(useLive.getState().run);
      const { layer } = readOptions(new URLSearchParams(window.location.search));
      const next = layers[clampIndex(layers.indexOf(layer) + by, layers.length)];
      if (next !== undefined) patch({ layer: next });
    };
    const toggle = (kind: Kind) => {
      const { unit } = readOptions(new URLSearchParams(window.location.search));
      if (unit !== null) wish(kind, unit);
    };
    const keys: Record<string, () => void> = {
      // Layer 0 stands at the top of the grid.
      ArrowUp: () => moveLayer(-1),
      ArrowDown: () => moveLayer(1),
      ArrowLeft: () => moveStep(-1),
      ArrowRight: () => moveStep(1),
      Home: () => showStep(0),
      End: () => showStep(null),
      " ": togglePlay,
      b: () => toggle("boost"),
      x: () => toggle("ablate"),
      "\\": () => change([]),
    };
    const onKey = (event: KeyboardEvent) => {
      const act = keys[event.key.length === 1 ? event.key.toLowerCase() : event.key];
      if (!act || event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
      const at = event.target instanceof Element ? event.target : null;
      // Space presses the button that is in focus.
      if (at?.closest(OWN_KEYS) || (event.key === " " && at?.closest("button, a, summary"))) return;
      event.preventDefault();
      act();
    };
    window.addEventListener("keydown", onKey);
    return () => window.removeEventListener("keydown", onKey);
  }, [patch, wish]);
}
