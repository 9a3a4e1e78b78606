import { useEffect } from "react";
import { ApiError } from "@/api/client";
import { useCalibration } from "@/api/queries/calibrations";
import { useGroup } from "@/api/queries/groups";
import { useModels } from "@/api/queries/models";
import { kindOf } from "@/lib/changes";
import { readChoice } from "@/lib/url";
import { useParams, usePatch } from "@/state/address";
import { useOptions } from "./options";
import { refused } from "./refusal";
import { useLive } from "./store";
import { useChangedModel } from "./useProtected";
import { useGroupWish, useWish } from "./useWish";

/**
 * What another view asks for in the address: `steer=boost` or `steer=ablate`, of the `unit` or of the `group` there. It is
 * asked for once and taken out of the address, so that a reload does not bring back what was taken out of the changes.
 */
export function useSteer(): void {
  const params = useParams();
  const patch = usePatch();
  const kind = readChoice(params, "steer", ["", "boost", "ablate"], "");
  const groupId = params.get("group");
  const { unit } = useOptions();
  const wish = useWish();
  const wishGroup = useGroupWish();
  const group = useGroup(groupId ?? "", kind !== "" && groupId !== null);
  // A protected unit is asked about first, so which ones are has to be known.
  const { modelId, ready } = useChangedModel();
  const { isPending } = useModels();
  const { isLoading } = useCalibration(modelId, ready);
  const unsure = isPending || isLoading;
  const { data, error } = group;

  useEffect(() => {
    if (kind === "" || unsure) return;
    if (groupId !== null) {
      if (!data && !error) return;
      if (data?.model_id === modelId) wishGroup(kind, data);
      else if (error instanceof ApiError) useLive.setState({ refusal: refused("change", error) });
    } else if (unit !== null && kindOf(useLive.getState().wanted, unit) !== kind) wish(kind, unit);
    patch({ steer: null, group: null });
  }, [kind, unsure, groupId, data, error, unit, modelId, wish, wishGroup, patch]);
}
