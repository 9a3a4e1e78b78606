import { Button } from "@mantine/core";
import { BUNDLED_MODEL, useModels } from "@/api/queries/models";
import { useSession } from "@/state/session";
import { useChooseModel } from "./useChooseModel";

/** The way out of a model that is not there: the one before, else one that is loaded, else the bundled one. */
export function BackButton({ modelId }: { modelId: string }) {
  const models = useModels();
  const choose = useChooseModel();
  const cameFrom = useSession((session) => session.cameFrom);
  const others = models.data?.models.filter(
    (one) => one.model_id !== modelId && (one.loaded || one.loadable),
  );
  const goal =
    others?.find((one) => one.model_id === cameFrom) ??
    others?.find((one) => one.loaded && one.source !== "chat") ??
    others?.find((one) => one.model_id === BUNDLED_MODEL);
  if (!goal) return null;
  const verb = goal.model_id === cameFrom ? "Back to" : "Use";
  return (
    <Button size="compact-sm" variant="default" onClick={() => choose(goal.model_id, goal)}>
      {verb} {goal.model_id}
    </Button>
  );
}
