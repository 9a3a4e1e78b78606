import { useRunStarts } from "@/api/queries/runStarts";
import { titleOf } from "@/lib/prompt";
import { differences } from "@/lib/runSettings";
import type { RecordedRun } from "./useRuns";

/** A list may hold thousands of runs of one prompt: the newest are told apart. */
const MOST = 60;

/** Of runs whose titles look alike: what sets each apart from the others with its title, by trace. */
export function useAlike(runs: readonly RecordedRun[]): ReadonlyMap<string, string> {
  const byTitle = new Map<string, RecordedRun[]>();
  for (const run of runs) {
    const title = titleOf(run.text);
    byTitle.set(title, [...(byTitle.get(title) ?? []), run]);
  }
  const alike = [...byTitle.values()].filter(({ length }) => length > 1);
  const asked = alike
    .flat()
    .filter(({ closed }) => closed)
    .slice(0, MOST);
  const starts = useRunStarts(asked);
  const known = new Map(
    asked.flatMap(({ trace_id }, at) => (starts[at] ? [[trace_id, starts[at]] as const] : [])),
  );
  const words = new Map<string, string>();
  for (const group of alike) {
    const told = group.flatMap(({ trace_id }) => {
      const start = known.get(trace_id);
      return start ? [{ trace_id, start }] : [];
    });
    differences(told.map(({ start }) => start)).forEach((text, at) => {
      const id = told[at]?.trace_id;
      if (id) words.set(id, text || (told.length > 1 ? "made like the others" : ""));
    });
    // While their settings are not known, the time alone tells them apart.
    for (const { trace_id } of group) if (!words.has(trace_id)) words.set(trace_id, "");
  }
  return words;
}
