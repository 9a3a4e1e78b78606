import { Button, Group, SegmentedControl, Text, Textarea, Tooltip } from "@mantine/core";
import { IconPlayerStopFilled, IconSend2 } from "@tabler/icons-react";
import { useState } from "react";
import { ErrorNote } from "@/components/Notice";
import { isLive } from "@/lib/run";
import { usePatch } from "@/state/address";
import classes from "./Chat.module.css";
import { sendShorter, stop, useLive } from "./store";
import { useSend } from "./useSend";

/** Where one types, sends and stops. */
export function Composer() {
  const draft = useLive(({ draft }) => draft);
  const refusal = useLive(({ refusal }) => (refusal?.about === "message" ? refusal : null));
  const busy = useLive(({ run, sent }) => sent !== null || isLive(run));
  const begun = useLive(({ run }) => run.traceId !== null);
  const patch = usePatch();
  const { send, plain, noTemplate } = useSend();
  const [pressed, setPressed] = useState(false);
  if (pressed && !busy) setPressed(false);
  return (
    <div className={classes.composer}>
      {refusal && (
        <div className={classes.refusal}>
          <ErrorNote error={refusal.error} compact />
          {refusal.shorter && (
            <>
              <Text size="sm">
                The conversation can go on without its earliest messages: the model then knows nothing of
                them.
              </Text>
              <Button size="compact-sm" variant="default" mt={6} onClick={sendShorter}>
                Leave out as many as it takes
              </Button>
            </>
          )}
        </div>
      )}
      {pressed && (
        <Text size="sm" role="status" mb={6}>
          Not sent: the model is still at work. Wait for its end, or stop it; your text stays here.
        </Text>
      )}
      <Textarea
        aria-label={plain ? "Text to go on with" : "Message"}
        placeholder={plain ? "Type a text for the model to go on with" : "Type a message"}
        autosize
        minRows={2}
        maxRows={8}
        value={draft}
        onChange={(event) => {
          setPressed(false);
          useLive.setState({ draft: event.currentTarget.value });
        }}
        onKeyDown={(event) => {
          if (event.key !== "Enter" || event.shiftKey || event.nativeEvent.isComposing) return;
          event.preventDefault();
          if (busy) setPressed(draft.trim() !== "");
          else send(draft);
        }}
      />
      <Group justify="space-between" gap="xs" mt={6} wrap="nowrap">
        <Tooltip
          label={noTemplate ? "This model has no chat template, so it takes plain text only" : ""}
          disabled={!noTemplate}
        >
          <SegmentedControl
            size="xs"
            aria-label="What is sent"
            value={plain ? "text" : "chat"}
            disabled={noTemplate}
            onChange={(mode) => patch({ mode: mode === "text" ? "text" : null })}
            data={[
              { value: "chat", label: "Chat" },
              { value: "text", label: "Text" },
            ]}
          />
        </Tooltip>
        <Text size="xs" c="dimmed" truncate>
          {busy ? "Enter waits" : "Enter sends"}
        </Text>
        {busy ? (
          <Button
            size="compact-md"
            variant="default"
            leftSection={<IconPlayerStopFilled size={14} aria-hidden />}
            disabled={!begun}
            onClick={stop}
          >
            Stop
          </Button>
        ) : (
          <Button
            size="compact-md"
            leftSection={<IconSend2 size={14} aria-hidden />}
            disabled={draft.trim() === ""}
            onClick={() => send(draft)}
          >
            Send
          </Button>
        )}
      </Group>
    </div>
  );
}
