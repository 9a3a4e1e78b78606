import { Button, Chip, Group, Kbd, Stack, Text, Textarea } from "@mantine/core";
import { IconPlayerPlayFilled } from "@tabler/icons-react";
import { useEffect, useRef } from "react";
import { useIsLoading, useModels } from "@/api/queries/models";
import type { TraceDetail } from "@/api/types";
import { Busy } from "@/components/Busy";
import { ErrorNote } from "@/components/Notice";
import { promptOf } from "@/lib/prompt";
import { SAMPLES } from "@/lib/samples";
import { useModelId } from "@/state/address";
import { useSession } from "@/state/session";
import classes from "./Explore.module.css";
import { useRun } from "./useRun";

export function PromptPanel({ trace }: { trace: TraceDetail | null }) {
  const modelId = useModelId();
  const { prompt, setPrompt, rerun, setRerun } = useSession();
  const { run, cancel, running, error } = useRun();
  const models = useModels();
  const model = models.data?.models.find((one) => one.model_id === modelId);

  // A link to a trace, or a reload, brings the trace's own prompt back into an empty box.
  const shown = useRef<string | null>(null);
  useEffect(() => {
    if (trace && shown.current !== trace.trace_id) {
      shown.current = trace.trace_id;
      if (useSession.getState().prompt === "") setPrompt(promptOf(trace));
    }
  }, [trace, setPrompt]);

  // After a switch of model the same prompt runs on the new one, once it is there.
  const loading = useIsLoading(modelId);
  const loaded = (model?.loaded ?? false) && !loading;
  useEffect(() => {
    if (!rerun || !loaded) return;
    setRerun(false);
    // The switch itself was a step of its own; Back then leads to the model before it.
    run(prompt, { push: false });
  }, [rerun, loaded, prompt, run, setRerun]);

  return (
    <section className={classes.input} aria-label="Input">
      <Stack gap="xs">
        <div className={classes.prompt}>
          <Textarea
            aria-label="Prompt"
            placeholder="Type a text, or take a sample below"
            autosize
            minRows={1}
            maxRows={6}
            value={prompt}
            onChange={(event) => setPrompt(event.currentTarget.value)}
            onKeyDown={(event) => {
              if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
                event.preventDefault();
                run(prompt);
              }
            }}
            styles={{ input: { fontFamily: "var(--mantine-font-family-monospace)" } }}
          />
          <Button
            leftSection={<IconPlayerPlayFilled size={14} aria-hidden />}
            disabled={prompt === ""}
            loading={running}
            onClick={() => run(prompt)}
          >
            Run
          </Button>
        </div>
        <Group justify="space-between" gap="xs">
          <Group gap={6} role="group" aria-label="Samples">
            {SAMPLES.map((sample) => (
              <Chip
                key={sample.label}
                size="xs"
                variant="outline"
                checked={prompt === sample.prompt}
                onChange={() => {
                  setPrompt(sample.prompt);
                  run(sample.prompt);
                }}
              >
                {sample.label}
              </Chip>
            ))}
          </Group>
          <Text size="xs" c="dimmed" visibleFrom="md">
            {trace && promptOf(trace) === prompt ? `${trace.token_count} tokens · ` : ""}
            <Kbd size="xs">Ctrl</Kbd> <Kbd size="xs">Enter</Kbd> runs
          </Text>
        </Group>
        {running && (
          <Busy
            label={loaded ? "Running the prompt" : `Loading ${modelId} and running the prompt`}
            onCancel={cancel}
          />
        )}
        {error && !running && <ErrorNote error={error} onRetry={() => run(prompt)} compact />}
      </Stack>
    </section>
  );
}
