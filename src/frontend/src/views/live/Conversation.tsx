import { Text } from "@mantine/core";
import { useEffect, useRef } from "react";
import { ApiError } from "@/api/client";
import { ErrorNote } from "@/components/Notice";
import type { Message } from "@/lib/liveEvents";
import { endWords, promptText } from "@/lib/run";
import classes from "./Chat.module.css";
import { type LiveState, useLive } from "./store";
import { TokenRun } from "./TokenRun";
import { useShownStep } from "./useStep";
import { useWaiting } from "./useWaiting";

const WHO: Record<string, string> = { user: "You", assistant: "Model", system: "System" };

/** What was said before the answer on screen. */
const messagesOf = ({ run, sent }: Pick<LiveState, "run" | "sent">): readonly Message[] =>
  sent
    ? (sent.messages ?? [{ role: "prompt", content: sent.text }])
    : (run.start?.settings.messages ?? (run.start ? [{ role: "prompt", content: promptText(run) }] : []));

export function Conversation() {
  const run = useLive(({ run }) => run);
  const sent = useLive(({ sent }) => sent);
  const leftOut = useLive(({ leftOut }) => leftOut);
  const newest = useLive(({ shown }) => shown === null);
  const { number } = useShownStep();
  const waiting = useWaiting();
  const end = useRef<HTMLDivElement>(null);
  const messages = messagesOf({ run, sent });

  // The newest token stays in sight, and how it ended, unless one looks at an earlier one.
  const count = run.steps.length + messages.length + (run.end ? 1 : 0);
  useEffect(() => {
    if (count > 0 && newest) end.current?.scrollIntoView?.({ block: "nearest" });
  }, [count, newest]);
  useEffect(() => {
    if (sent !== null) end.current?.scrollIntoView?.({ block: "nearest" });
  }, [sent]);

  return (
    <>
      {leftOut > 0 && (
        <Text size="xs" c="dimmed" mb="xs">
          {leftOut === 1 ? "One earlier message was" : `${leftOut} earlier messages were`} left out: the model
          reads no more at once. The runs before this one still hold them.
        </Text>
      )}
      {messages.map(({ role, content }, at) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a conversation only grows; the place is the message's identity
        <div key={at} className={classes.message} data-role={role}>
          <span className={classes.who}>{WHO[role] ?? (role === "prompt" ? "Prompt" : role)}</span>
          <div className={classes.words}>{content}</div>
        </div>
      ))}
      {(run.start || waiting) && (
        <div className={classes.message} data-role="answer" aria-live="off">
          <span className={classes.who}>Model</span>
          {waiting ? (
            <Text size="sm" c="dimmed" role="status">
              {waiting}
            </Text>
          ) : (
            <TokenRun run={run} shown={number} />
          )}
        </div>
      )}
      {run.end?.type === "done" && (
        <Text size="xs" c="dimmed" role="status">
          {endWords(run)}
        </Text>
      )}
      {run.end?.type === "error" && (
        <ErrorNote error={new ApiError(500, run.end.code, run.end.message, run.end.hint)} compact />
      )}
      <div ref={end} />
    </>
  );
}
