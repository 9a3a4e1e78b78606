import { Button, Group, Stack, Text } from "@mantine/core";
import { IconMessageCircle } from "@tabler/icons-react";
import { EmptyState } from "@/components/Notice";
import { alike } from "./alike";
import classes from "./Chat.module.css";
import { RunRow } from "./RunRow";
import { useRuns } from "./useRuns";
import { useSend } from "./useSend";

/** One for each thing that the bundled model was taught to answer; the texts are for models that take no messages. */
const CHATS = ["What is 23 + 45?", "What is the capital of France?", "Tell me a story.", "Write a verse."];
const TEXTS = ["23+45=", "The capital of France is", "Long ago, a little boy named", "The silver brook hums"];

const RECENT = 5;

/** What stands where the conversation will be. */
export function FirstWords({ onAllRuns }: { onAllRuns: () => void }) {
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
      <RecentRuns onAll={onAllRuns} />
    </Stack>
  );
}

/** The latest runs of this model that were recorded before. */
function RecentRuns({ onAll }: { onAll: () => void }) {
  const { runs } = useRuns();
  const shown = runs.slice(0, RECENT);
  const apart = alike(shown);
  if (runs.length === 0) return null;
  return (
    <section aria-label="Recent runs" className={classes.recent}>
      <Group justify="space-between">
        <Text size="xs" fw={600}>
          Recent runs
        </Text>
        {runs.length > RECENT && (
          <Button size="compact-xs" variant="subtle" onClick={onAll}>
            All {runs.length}
          </Button>
        )}
      </Group>
      <ul className={classes.runs}>
        {shown.map((run) => (
          <RunRow key={run.trace_id} run={run} apart={apart.get(run.trace_id)} />
        ))}
      </ul>
    </section>
  );
}
