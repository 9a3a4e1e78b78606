import { Anchor, Button, Stack, Text } from "@mantine/core";
import { IconMessageCircle } from "@tabler/icons-react";
import { Link } from "react-router";
import { useTraces } from "@/api/queries/traces";
import { EmptyState } from "@/components/Notice";
import { formatAgo } from "@/lib/format";
import { titleOf } from "@/lib/prompt";
import { patchSearch } from "@/lib/url";
import { useModelId } from "@/state/address";
import classes from "./Chat.module.css";
import { useSend } from "./useSend";

/** One for each thing that the bundled model was taught to answer; the texts are for models that take no messages. */
const CHATS = ["What is 23 + 45?", "What is the capital of France?", "Tell me a story.", "Write a verse."];
const TEXTS = ["23+45=", "The capital of France is", "Long ago, a little boy named", "The silver brook hums"];

const RECENT = 5;

/** What stands where the conversation will be. */
export function FirstWords() {
  const { send, plain } = useSend();
  return (
    <Stack gap="xs">
      <EmptyState
        icon={<IconMessageCircle size={24} />}
        title="Watch a model think"
        action={
          <Stack gap={6} align="stretch" w="100%" mt={4}>
            {(plain ? TEXTS : CHATS).map((text) => (
              <Button
                key={text}
                variant="default"
                size="compact-sm"
                ff="monospace"
                fw={400}
                justify="flex-start"
                onClick={() => send(text)}
              >
                {text}
              </Button>
            ))}
          </Stack>
        }
      >
        {plain ? "Type a text for it to go on with. " : "Ask it something. "}
        While it speaks, token by token, its layers light up beside it, and you can boost or ablate a neuron.
        Or start with one of these:
      </EmptyState>
      <RecentRuns />
    </Stack>
  );
}

/** Runs of this model that were recorded before. */
function RecentRuns() {
  const modelId = useModelId();
  const traces = useTraces();
  const runs =
    traces.data?.traces.filter((one) => one.model_id === modelId && one.steps > 1).slice(0, RECENT) ?? [];
  if (runs.length === 0) return null;
  return (
    <section aria-label="Recent runs" className={classes.recent}>
      <Text size="xs" fw={600}>
        Recent runs
      </Text>
      <ul>
        {runs.map(({ trace_id, text, steps, created_at }) => (
          <li key={trace_id}>
            <Anchor
              component={Link}
              to={`/live${patchSearch("", { model: modelId, trace: trace_id })}`}
              size="sm"
              ff="monospace"
              truncate
            >
              {titleOf(text)}
            </Anchor>
            <Text size="xs" c="dimmed">
              {steps} steps · {formatAgo(created_at)}
            </Text>
          </li>
        ))}
      </ul>
    </section>
  );
}
