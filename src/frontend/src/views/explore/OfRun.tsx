import { Button, Group, Text } from "@mantine/core";
import { IconMessageCircle } from "@tabler/icons-react";
import { Link, useLocation } from "react-router";
import type { TraceDetail } from "@/api/types";
import { Banner } from "@/components/Banner";
import { EmptyState, ErrorNote } from "@/components/Notice";
import { Panel } from "@/components/Panel";
import { promptOf } from "@/lib/prompt";
import { patchSearch } from "@/lib/url";
import { useSession } from "@/state/session";
import { useRun } from "./useRun";

/** Over the pictures of a run that kept its tensors whole: they are of its prompt. */
export function OfRun({ trace }: { trace: TraceDetail }) {
  return (
    <Banner tone="info" title={`This trace is of a run with ${trace.steps} steps`}>
      <Group justify="space-between" gap="xs">
        <Text size="sm">Explore draws its prompt; Live shows every step.</Text>
        <InLive />
      </Group>
    </Banner>
  );
}

/** In place of the pictures of a run that kept none: what it kept, and both ways on. */
export function KeptInSteps({ trace }: { trace: TraceDetail }) {
  const { run, running, error } = useRun();
  const setPrompt = useSession((session) => session.setPrompt);
  const prompt = promptOf(trace);
  return (
    <Panel title="Trace of a run">
      <EmptyState
        icon={<IconMessageCircle size={24} />}
        title={`A run of ${trace.steps} steps`}
        action={
          <Group gap="xs" justify="center">
            <Button
              size="compact-sm"
              variant="default"
              loading={running}
              onClick={() => {
                setPrompt(prompt);
                run(prompt);
              }}
            >
              Capture its prompt
            </Button>
            <InLive />
          </Group>
        }
      >
        Of each step it kept statistics and what its settings asked for, which Live shows. Explore draws whole
        tensors: capture the prompt anew to see it here.
      </EmptyState>
      {error && !running && <ErrorNote error={error} />}
    </Panel>
  );
}

function InLive() {
  const { search } = useLocation();
  return (
    <Button
      component={Link}
      to={{ pathname: "/live", search: patchSearch(search, { tab: null }) }}
      size="compact-sm"
      variant="default"
    >
      Open it in Live
    </Button>
  );
}
