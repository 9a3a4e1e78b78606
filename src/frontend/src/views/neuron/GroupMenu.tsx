import { Button, Menu, Text } from "@mantine/core";
import { IconChevronDown } from "@tabler/icons-react";
import { useState } from "react";
import { Link } from "react-router";
import { useGroups } from "@/api/queries/groups";
import { SaveGroup } from "@/components/groups/SaveGroup";
import { useGroupHref, useModelId } from "@/state/address";

const SHOWN = 30;

/** Saves the unit into a group, and leads to the groups that are there; those that hold it come first. */
export function GroupMenu({ unit, indexId }: { unit: string; indexId: string | null }) {
  const [saving, setSaving] = useState(false);
  const [opened, setOpened] = useState(false);
  const href = useGroupHref();
  const answer = useGroups(useModelId(), opened);
  const groups = answer.data?.groups ?? [];
  const ordered = [
    ...groups.filter((one) => one.units.includes(unit)),
    ...groups.filter((one) => !one.units.includes(unit)),
  ];
  return (
    <>
      <Menu opened={opened} onChange={setOpened} position="bottom-end" width={280} shadow="md" withinPortal>
        <Menu.Target>
          <Button size="compact-sm" variant="default" rightSection={<IconChevronDown size={14} />}>
            Groups
          </Button>
        </Menu.Target>
        <Menu.Dropdown mah={360} style={{ overflowY: "auto" }}>
          <Menu.Item onClick={() => setSaving(true)}>Save it in a group…</Menu.Item>
          {ordered.length > 0 && <Menu.Divider />}
          {ordered.slice(0, SHOWN).map((one) => (
            <Menu.Item key={one.group_id} component={Link} to={href(one)}>
              <Text size="sm" truncate>
                {one.name}
              </Text>
              <Text size="xs" c="dimmed">
                {one.units.length} {one.units.length === 1 ? "unit" : "units"}
                {one.units.includes(unit) && ", this one among them"}
              </Text>
            </Menu.Item>
          ))}
          {answer.error && (
            <Text size="xs" c="var(--mantine-color-error)" px="sm" py={4} role="alert">
              {answer.error.message}
            </Text>
          )}
        </Menu.Dropdown>
      </Menu>
      {saving && <SaveGroup units={[unit]} indexId={indexId} onClose={() => setSaving(false)} />}
    </>
  );
}
