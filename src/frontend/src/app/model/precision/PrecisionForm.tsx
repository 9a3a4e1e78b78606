import { Anchor, Button, Group, NativeSelect, Stack, Text, Textarea } from "@mantine/core";
import { useState } from "react";
import { useEstimate } from "@/api/queries/models";
import { useCompare } from "@/api/queries/precision";
import type { Precision } from "@/api/types";
import { ErrorNote } from "@/components/Notice";
import { formatBytes } from "@/lib/format";
import { PRECISIONS, precisionWord } from "@/lib/precision";
import { joinPrompts, splitPrompts } from "@/lib/prompts";
import { SAMPLES } from "@/lib/samples";
import { usePatch } from "@/state/address";
import { useSession } from "@/state/session";
import classes from "./Precision.module.css";

const MOST = 200;

/** What to compare: prompts, and the two precisions with what each takes. */
export function PrecisionForm({ modelId, running }: { modelId: string; running: boolean }) {
  const patch = usePatch();
  const compare = useCompare();
  const estimate = useEstimate({ model_id: modelId }, true);
  const [text, setText] = useState(() => {
    const draft = useSession.getState().prompt;
    return draft === "" ? joinPrompts(SAMPLES.map(({ prompt }) => prompt)) : joinPrompts([draft]);
  });
  const [a, setA] = useState<Precision>("float32");
  const [b, setB] = useState<Precision>("nf4");
  const options = estimate.data?.options ?? [];
  const label = (precision: Precision) => {
    const need = options.find((one) => one.precision === precision);
    if (!need) return precisionWord(precision);
    return `${precisionWord(precision)} · ${formatBytes(need.bytes)}${need.fits ? "" : ", too large now"}`;
  };
  // What is not among the options has no kernel on this device.
  const choices = PRECISIONS.filter(
    (one) => options.length === 0 || options.some(({ precision }) => precision === one),
  ).map((value) => ({ value, label: label(value) }));
  const prompts = splitPrompts(text);
  const fault =
    prompts.length === 0
      ? "Give at least one prompt."
      : prompts.length > MOST
        ? `At most ${MOST} prompts; these are ${prompts.length}.`
        : a === b
          ? "Choose two precisions that differ."
          : null;
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        compare.mutate(
          { model_id: modelId, prompts, a, b },
          { onSuccess: ({ job_id }) => patch({ precisionJob: job_id, precision: null }) },
        );
      }}
    >
      <Stack gap="xs">
        <div className={classes.form}>
          <div>
            <Textarea
              label="Prompts"
              description="One on each line; \n stands for a newline inside one. The more text, the surer the figures."
              autosize
              minRows={5}
              maxRows={7}
              value={text}
              onChange={(event) => setText(event.currentTarget.value)}
              styles={{ input: { fontFamily: "var(--mantine-font-family-monospace)" } }}
            />
            <Group justify="space-between" gap="xs" mt={4}>
              <Text size="xs" c={fault ? "var(--mantine-color-error)" : "dimmed"} role="status">
                {fault ?? `${prompts.length} ${prompts.length === 1 ? "prompt" : "prompts"}`}
              </Text>
              <Anchor
                component="button"
                type="button"
                size="xs"
                onClick={() => setText(joinPrompts(SAMPLES.map(({ prompt }) => prompt)))}
              >
                Use the samples
              </Anchor>
            </Group>
          </div>
          <Stack gap="xs">
            <NativeSelect
              label="Precision A, to compare with"
              value={a}
              data={choices}
              onChange={(event) => setA(asPrecision(event.currentTarget.value))}
            />
            <NativeSelect
              label="Precision B"
              value={b}
              data={choices}
              onChange={(event) => setB(asPrecision(event.currentTarget.value))}
            />
            <Button type="submit" mt={4} loading={compare.isPending} disabled={fault !== null || running}>
              Compare
            </Button>
          </Stack>
        </div>
        {compare.error && <ErrorNote error={compare.error} compact />}
      </Stack>
    </form>
  );
}

const asPrecision = (text: string): Precision => PRECISIONS.find((one) => one === text) ?? "float32";
