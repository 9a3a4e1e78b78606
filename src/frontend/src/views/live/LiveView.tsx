import { Alert, Button, Group, Text, VisuallyHidden } from "@mantine/core";
import { useEffect } from "react";
import { Banner } from "@/components/Banner";
import { useModelId, usePatch } from "@/state/address";
import { useSession } from "@/state/session";
import { ChangesPanel } from "./ChangesPanel";
import { ChatPanel } from "./ChatPanel";
import classes from "./Live.module.css";
import { ProtectionPanel } from "./ProtectionPanel";
import { ScanPanel } from "./ScanPanel";
import { SelectionPanel } from "./SelectionPanel";
import { reconnect, useLive } from "./store";
import { Timeline } from "./Timeline";
import { useLiveKeys } from "./useLiveKeys";
import { useLiveRun } from "./useLiveRun";
import { useSteer } from "./useSteer";
import { useStepSync } from "./useStep";

/** A run as it goes on, or as it was recorded: said, seen, and changed on the way. */
export default function LiveView() {
  useLiveRun();
  useStepSync();
  useLiveKeys();
  useSteer();
  return (
    <div className={classes.view}>
      <VisuallyHidden component="h1">Live</VisuallyHidden>
      <Lost />
      <OtherModel />
      <div className={classes.columns}>
        <div className={classes.left}>
          <ChatPanel />
        </div>
        <div className={classes.rest}>
          <div className={classes.middle}>
            <ScanPanel />
          </div>
          <div className={classes.right}>
            <SelectionPanel />
            <ChangesPanel />
            <ProtectionPanel />
          </div>
        </div>
      </div>
      <Timeline />
    </div>
  );
}

function Lost() {
  const lost = useLive(({ stream }) => stream === "lost");
  const answers = useSession(({ connection }) => connection === "ok");
  useEffect(() => {
    if (answers) reconnect();
  }, [answers]);
  // Where the server does not answer at all, the shell says so already.
  if (!lost || !answers) return null;
  return (
    <Banner tone="info" title="The connection to the run is lost">
      <Group justify="space-between" gap="xs">
        <Text size="sm">
          What is on screen stays. The page joins the run again by itself, from the last step that it has
          seen.
        </Text>
        <Button size="compact-sm" variant="default" onClick={reconnect}>
          Try now
        </Button>
      </Group>
    </Banner>
  );
}

/** A trace shows the model that made it, whatever the selector says: then say so, and offer the way to it. */
function OtherModel() {
  const modelId = useModelId();
  const recorded = useLive(({ run }) => run.start?.model_id);
  const patch = usePatch();
  if (recorded === undefined || recorded === modelId) return null;
  return (
    <Alert variant="light" color="yellow" title={`This run is of ${recorded}`}>
      <Group gap="xs">
        <Button
          size="compact-sm"
          variant="default"
          onClick={() => patch({ model: recorded }, { push: true })}
        >
          Switch to that model
        </Button>
        <Text size="sm">A new message goes to {modelId}.</Text>
      </Group>
    </Alert>
  );
}
