import { ActionIcon, Group, ScrollArea, Tooltip } from "@mantine/core";
import { IconMessagePlus } from "@tabler/icons-react";
import { Panel } from "@/components/Panel";
import { usePatch } from "@/state/address";
import classes from "./Chat.module.css";
import { Composer } from "./Composer";
import { Conversation } from "./Conversation";
import { FirstWords } from "./FirstWords";
import { RunSettings } from "./RunSettings";
import { newChat, useLive } from "./store";

export function ChatPanel() {
  const patch = usePatch();
  const empty = useLive(({ run, sent }) => run.traceId === null && sent === null);
  return (
    <Panel
      title="Chat"
      flush
      actions={
        <Group gap={2} wrap="nowrap">
          <RunSettings />
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
        <ScrollArea
          className={classes.conversation}
          type="auto"
          viewportProps={{ tabIndex: 0, "aria-label": "Conversation" }}
        >
          {empty ? <FirstWords /> : <Conversation />}
        </ScrollArea>
        <Composer />
      </div>
    </Panel>
  );
}
