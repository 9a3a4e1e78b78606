import { Button, Group } from "@mantine/core";
import { IconGridDots } from "@tabler/icons-react";
import { EmptyState } from "@/components/Notice";
import { Panel } from "@/components/Panel";
import { SAMPLES } from "@/lib/samples";
import { useSession } from "@/state/session";
import { useRun } from "./useRun";

/** What stands where the pictures will be. */
export function FirstSteps() {
  const { run, running } = useRun();
  const setPrompt = useSession((session) => session.setPrompt);
  return (
    <Panel title="Start here">
      <EmptyState
        icon={<IconGridDots size={24} />}
        title="See neurons light up, token by token"
        action={
          <Group gap="xs" justify="center">
            {SAMPLES.slice(0, 3).map((sample) => (
              <Button
                key={sample.label}
                variant="default"
                size="compact-sm"
                ff="monospace"
                fw={400}
                disabled={running}
                onClick={() => {
                  setPrompt(sample.prompt);
                  run(sample.prompt);
                }}
              >
                {sample.prompt}
              </Button>
            ))}
          </Group>
        }
      >
        Type a prompt above and press Run. Each row of the picture will be a neuron, each column a token; a
        click on a neuron leads to the text that drives it. Or start with one of these:
      </EmptyState>
    </Panel>
  );
}
