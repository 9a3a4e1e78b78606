import { Anchor, Skeleton, Text } from "@mantine/core";
import { Link } from "react-router";
import { useGroups } from "@/api/queries/groups";
import { ErrorNote } from "@/components/Notice";
import { Panel } from "@/components/Panel";
import { formatAgo } from "@/lib/format";
import { useGroupHref, useModelId } from "@/state/address";
import classes from "./Neuron.module.css";

/** The model's groups, each a link to its page. */
export function GroupList() {
  const answer = useGroups(useModelId());
  const href = useGroupHref();
  const groups = answer.data?.groups ?? [];
  return (
    <Panel title="Groups" about={groups.length > 0 ? String(groups.length) : undefined} flush>
      {answer.isPending && <Skeleton height={60} mx="sm" w="auto" />}
      {answer.error && <ErrorNote error={answer.error} onRetry={() => answer.refetch()} compact />}
      {answer.data && groups.length === 0 && (
        <Text size="sm" c="dimmed" px="sm" pb={4}>
          No units of this model are kept together yet. Save one from its page, alone or with its neighbours.
        </Text>
      )}
      {groups.length > 0 && (
        <ul className={classes.groups}>
          {groups.map((one) => (
            <li key={one.group_id}>
              <Anchor component={Link} to={href(one)} size="sm">
                {one.name}
              </Anchor>
              <Text size="xs" c="dimmed">
                {one.units.length} {one.units.length === 1 ? "unit" : "units"}, {formatAgo(one.created_at)}
              </Text>
            </li>
          ))}
        </ul>
      )}
    </Panel>
  );
}
