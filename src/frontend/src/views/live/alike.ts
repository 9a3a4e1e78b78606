import { titleOf } from "@/lib/prompt";
import { differences } from "@/lib/runSettings";
import type { RecordedRun } from "./useRuns";

/** Of runs whose titles look alike: what sets each apart from the others with its title, by trace. */
export function alike(runs: readonly RecordedRun[]): ReadonlyMap<string, string> {
  const byTitle = new Map<string, RecordedRun[]>();
  for (const run of runs) {
    const title = titleOf(run.text);
    byTitle.set(title, [...(byTitle.get(title) ?? []), run]);
  }
  const words = new Map<string, string>();
  for (const group of byTitle.values()) {
    if (group.length === 1) continue;
    const told = group.flatMap(({ trace_id, made_with }) => (made_with ? [{ trace_id, made_with }] : []));
    const texts = differences(told.map(({ made_with }) => made_with));
    // Where nothing is known of a run, the time alone tells it apart.
    for (const { trace_id } of group) words.set(trace_id, "");
    told.forEach(({ trace_id }, at) => {
      words.set(trace_id, texts[at] || (told.length > 1 ? "made like the others" : ""));
    });
  }
  return words;
}
