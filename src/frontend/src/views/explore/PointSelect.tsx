import { NativeSelect } from "@mantine/core";
import { usePatch } from "@/state/address";
import { NEURONS } from "./options";
import { pointLabel, type Shown } from "./shown";

/** Which of the trace's points is drawn. What was asked for and is not there stays in the list, but can't be chosen. */
export function PointSelect({ shown, label = false }: { shown: Shown; label?: boolean }) {
  const patch = usePatch();
  const { point, points, instead } = shown;
  const choices = points.map((name) => ({ value: name, label: pointLabel(name), disabled: false }));
  if (instead)
    choices.unshift({ value: instead.asked, label: `${pointLabel(instead.asked)}: none`, disabled: true });
  if (choices.length < 2) return null;
  return (
    <NativeSelect
      size="xs"
      {...(label ? { label: "Point" } : { "aria-label": "Point" })}
      value={point}
      data={choices}
      onChange={(event) =>
        patch({ point: event.currentTarget.value === NEURONS ? null : event.currentTarget.value })
      }
    />
  );
}
