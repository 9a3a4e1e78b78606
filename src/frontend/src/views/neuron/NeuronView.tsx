import { parseUnit } from "@/lib/address";
import { useParams } from "@/state/address";
import { GroupPage } from "./GroupPage";
import { UnitPage } from "./UnitPage";
import { UnitPicker } from "./UnitPicker";

/** One unit, or a group of units, as the address names it. */
export default function NeuronView() {
  const params = useParams();
  const group = params.get("group");
  if (group) return <GroupPage key={group} groupId={group} />;
  const unit = parseUnit(params.get("unit"));
  return unit ? <UnitPage unit={unit} /> : <UnitPicker given={params.get("unit")} />;
}
