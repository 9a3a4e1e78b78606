import { useCallback } from "react";
import {
  type GroupUnits,
  groupChange,
  type Kind,
  kindOf,
  overrides,
  toggled,
  withChange,
} from "@/lib/changes";
import { change, useLive } from "./store";
import { useProtected } from "./useProtected";

/** Changes a unit, or leaves it alone again. Where it is protected, a person is asked first: see `asked` of the store. */
export function useWish(): (kind: Kind, unit: string) => void {
  const guarded = useProtected();
  return useCallback(
    (kind, unit) => {
      const { wanted } = useLive.getState();
      const knowingly = wanted.some((one) => one.units.includes(unit) && overrides(one));
      if (guarded.has(unit) && !knowingly && kindOf(wanted, unit) !== kind)
        useLive.setState({ asked: { kind, unit } });
      else change(toggled(wanted, kind, unit, knowingly));
    },
    [guarded],
  );
}

/** Changes all units of a group. Where it holds protected ones, a person is asked first likewise. */
export function useGroupWish(): (kind: Kind, group: GroupUnits) => void {
  const guarded = useProtected();
  return useCallback(
    (kind, group) => {
      const { wanted } = useLive.getState();
      const made = groupChange(kind, group);
      const knowingly = wanted.some((one) => one.id === made.id && overrides(one));
      if (!knowingly && group.units.some((unit) => guarded.has(unit)))
        useLive.setState({ asked: { kind, group } });
      else change(withChange(wanted, groupChange(kind, group, knowingly)));
    },
    [guarded],
  );
}

/** What was asked is answered: changed knowingly, or left alone. */
export function answer(yes: boolean): void {
  const { asked, wanted } = useLive.getState();
  useLive.setState({ asked: null });
  if (!yes || !asked) return;
  if ("unit" in asked) change(toggled(wanted, asked.kind, asked.unit, true));
  else change(withChange(wanted, groupChange(asked.kind, asked.group, true)));
}
