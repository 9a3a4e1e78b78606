import { Button, Menu, Text } from "@mantine/core";
import { IconChevronDown } from "@tabler/icons-react";
import { Link, useLocation } from "react-router";
import { parseUnit } from "@/lib/address";
import { BOOST, type Kind } from "@/lib/changes";
import { patchSearch } from "@/lib/url";
import { useModelId } from "@/state/address";

const WAYS: readonly { kind: Kind; label: string; about: string }[] = [
  { kind: "boost", label: "Boost", about: `multiplied by ${BOOST}, from the prompt on` },
  { kind: "ablate", label: "Ablate", about: "set to 0, from the prompt on" },
];

/** The way to Live with a change of the unit, or of all units of a group, prepared for the next message. */
export function SteerMenu({ of }: { of: { unit: string } | { group: string } }) {
  const { search } = useLocation();
  const model = useModelId();
  const params = new URLSearchParams(search);
  const [trace, index] = [params.get("trace"), params.get("index")];
  const unit = "unit" in of ? parseUnit(of.unit) : null;
  const place = unit && { layer: unit.layer, point: unit.point === "mlp_act" ? null : unit.point };
  return (
    <Menu position="bottom-end" width={270} shadow="md" withinPortal>
      <Menu.Target>
        <Button size="compact-sm" variant="default" rightSection={<IconChevronDown size={14} />}>
          Steer {unit ? "it" : "them"} in Live
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        {WAYS.map(({ kind, label, about }) => (
          <Menu.Item
            key={kind}
            component={Link}
            to={`/live${patchSearch("", { model, trace, index, ...place, ...of, steer: kind })}`}
          >
            <Text size="sm">{label}</Text>
            <Text size="xs" c="dimmed">
              {about}
            </Text>
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  );
}
