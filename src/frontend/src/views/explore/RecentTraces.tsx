import { ActionIcon, Anchor, Text, Tooltip } from "@mantine/core";
import { IconTrash } from "@tabler/icons-react";
import { Link } from "react-router";
import { useDeleteTrace, useTraces } from "@/api/queries/traces";
import { Panel } from "@/components/Panel";
import { formatAgo } from "@/lib/format";
import { showToken } from "@/lib/tokens";
import { patchSearch } from "@/lib/url";
import { useModelId } from "@/state/address";
import classes from "./Explore.module.css";

const SHOWN = 6;

/** The prompts that ran before on this model: their traces are kept, so they open at once. Runs are listed in Live. */
export function RecentTraces() {
  const modelId = useModelId();
  const traces = useTraces();
  const remove = useDeleteTrace();
  const recent =
    traces.data?.traces.filter((one) => one.model_id === modelId && one.steps < 2).slice(0, SHOWN) ?? [];
  if (recent.length === 0) return null;
  return (
    <Panel title="Recent prompts" about={`recorded on ${modelId}`}>
      <ul className={classes.rows}>
        {recent.map(({ trace_id, text, token_count, created_at }) => (
          <li
            key={trace_id}
            className={classes.row}
            style={{ gridTemplateColumns: "minmax(0, 1fr) auto auto" }}
          >
            <Anchor
              component={Link}
              to={`/${patchSearch("", { model: modelId, trace: trace_id })}`}
              size="sm"
              ff="monospace"
              truncate
            >
              {text.replace(/[\n\t\r]/g, showToken)}
            </Anchor>
            <Text size="xs" c="dimmed">
              {token_count} tokens · {formatAgo(created_at)}
            </Text>
            <Tooltip label="Delete this trace">
              <ActionIcon
                variant="subtle"
                color="gray"
                c="dimmed"
                size="sm"
                aria-label={`Delete the trace of ${text.slice(0, 40)}`}
                loading={remove.isPending && remove.variables === trace_id}
                onClick={() => remove.mutate(trace_id)}
              >
                <IconTrash size={15} />
              </ActionIcon>
            </Tooltip>
          </li>
        ))}
      </ul>
    </Panel>
  );
}
