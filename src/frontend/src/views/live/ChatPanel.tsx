import { ActionIcon, Group, ScrollArea, Tooltip } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { IconAdjustmentsHorizontal, IconHistory, IconMessagePlus } from "@tabler/icons-react";
import { useId } from "react";
import { Panel } from "@/components/Panel";
import { readFlag } from "@/lib/url";
import { useParams, usePatch } from "@/state/address";
import classes from "./Chat.module.css";
import { Composer } from "./Composer";
import { Conversation } from "./Conversation";
import { FirstWords } from "./FirstWords";
import { RunSettings } from "./RunSettings";
import { RunsDialog } from "./RunsDialog";
import { newChat, useLive } from "./store";

export function ChatPanel() {
  const patch = usePatch();
  const setting = readFlag(useParams(), "settings");
  const settings = useId();
  const [runsOpen, runs] = useDisclosure(false);
  const empty = useLive(({ run, sent }) => run.traceId === null && sent === null);
  return (
    <Panel
      title="Chat"
      flush
      actions={
        <Group gap={2} wrap="nowrap">
          <Tooltip label="Settings of the run">
            <ActionIcon
              variant={setting ? "light" : "subtle"}
              color={setting ? undefined : "gray"}
              aria-label="Settings of the run"
              aria-expanded={setting}
              aria-controls={setting ? settings : undefined}
              onClick={() => patch({ settings: !setting })}
            >
              <IconAdjustmentsHorizontal size={18} />
            </ActionIcon>
          </Tooltip>
          <Tooltip label="Recorded runs">
            <ActionIcon variant="subtle" color="gray" aria-label="Recorded runs" onClick={runs.open}>
              <IconHistory size={18} />
            </ActionIcon>
          </Tooltip>
          <Tooltip label="New chat">
            <ActionIcon
              variant="subtle"
              color="gray"
              aria-label="New chat"
              disabled={empty}
              onClick={() => {
                newChat();
                patch({ trace: null, step: null }, { push: true });
              }}
            >
              <IconMessagePlus size={18} />
            </ActionIcon>
          </Tooltip>
        </Group>
      }
    >
      <div className={classes.chat}>
        {setting && <RunSettings id={settings} />}
        <ScrollArea
          className={classes.conversation}
          type="auto"
          viewportProps={{ tabIndex: 0, "aria-label": "Conversation" }}
        >
          {empty ? <FirstWords onAllRuns={runs.open} /> : <Conversation />}
        </ScrollArea>
        <Composer />
      </div>
      <RunsDialog opened={runsOpen} onClose={runs.close} />
    </Panel>
  );
}
