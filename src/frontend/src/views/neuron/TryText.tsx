import { Group, Stack, Text, Textarea, UnstyledButton } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { useEffect, useRef, useState } from "react";
import { useProbe } from "@/api/queries/neurons";
import { useTrace } from "@/api/queries/traces";
import { ErrorNote } from "@/components/Notice";
import { Panel } from "@/components/Panel";
import { TokenStrip } from "@/components/TokenStrip";
import { formatUnit, type Unit } from "@/lib/address";
import { formatExact, formatPercent } from "@/lib/format";
import { unitWord } from "@/lib/points";
import { promptOf } from "@/lib/prompt";
import { showToken } from "@/lib/tokens";
import { useModelId, useParams } from "@/state/address";
import { useSession } from "@/state/session";
import { readShortened } from "./contextOptions";
import classes from "./Neuron.module.css";
import { peakPlace, reachOf } from "./peaks";
import { ShortestFound } from "./ShortestFound";
import { useShorten } from "./useShorten";

interface TryTextProps {
  unit: Unit;
  /** Largest value over the corpus, where it is known: the colours then mean the same as below. */
  strongest: number;
  onPick: (token: string, chip: HTMLElement) => void;
}

/** Any text, with this unit's value on each of its tokens as one types. */
export function TryText({ unit, strongest, onPick }: TryTextProps) {
  const modelId = useModelId();
  const name = formatUnit(unit);
  const shorten = useShorten(name, null);
  const [text, setText] = useState(() => useSession.getState().prompt);
  // After a reload the draft is gone, but the trace in the address still knows the prompt.
  const params = useParams();
  const trace = useTrace(params.get("trace"));
  const recorded = trace.data && promptOf(trace.data);
  const touched = useRef(text !== "");
  useEffect(() => {
    if (recorded && !touched.current) setText(recorded);
  }, [recorded]);
  const [settled] = useDebouncedValue(text, 350);
  const { mutate, data, error, isPending, reset } = useProbe();

  useEffect(() => {
    if (settled === "") reset();
    else mutate({ modelId, unit: name, text: settled });
  }, [settled, modelId, name, mutate, reset]);

  const answer = settled === "" ? undefined : data;
  const peak = answer ? peakPlace(answer.activations, answer.special) : -1;
  return (
    <Panel title="Try your own text" about={isPending ? "reading…" : "values as you type"}>
      <Stack gap="xs">
        <Textarea
          aria-label="Text to try"
          placeholder={`Type a text to see the value of this ${unitWord(unit.point).toLowerCase()} on each of its tokens`}
          autosize
          minRows={1}
          maxRows={5}
          value={text}
          onChange={(event) => {
            touched.current = true;
            setText(event.currentTarget.value);
          }}
          styles={{ input: { fontFamily: "var(--mantine-font-family-monospace)" } }}
        />
        {error && <ErrorNote error={error} onRetry={() => mutate({ modelId, unit: name, text })} compact />}
        {answer && (
          <div style={{ opacity: isPending ? 0.6 : 1 }} data-testid="probe">
            <TokenStrip
              key={answer.tokens.length}
              label="Your text: its tokens with their activations"
              tokens={answer.tokens}
              values={answer.activations}
              special={answer.special}
              peak={peak < 0 ? undefined : peak}
              reach={Math.max(strongest, reachOf(answer.activations, answer.special))}
              onPick={onPick}
            />
            {peak >= 0 && (
              <Group justify="space-between" gap="xs" mt={4}>
                <Text size="xs" c="dimmed">
                  highest on “{showToken(answer.tokens[peak] ?? "")}”:{" "}
                  {formatExact(answer.activations[peak] ?? 0)}
                  {strongest > 0 &&
                    ` (${formatPercent(Math.max(0, (answer.activations[peak] ?? 0) / strongest))} of its strongest in the corpus)`}
                </Text>
                {(answer.activations[peak] ?? 0) > 0 && (
                  <UnstyledButton
                    className={classes.act}
                    disabled={shorten.pending}
                    aria-label="Shorten your text"
                    title="Find the shortest text out of it that still drives the unit to 80 %"
                    onClick={() => shorten.start({ text: settled })}
                  >
                    shorten
                  </UnstyledButton>
                )}
              </Group>
            )}
          </div>
        )}
        {shorten.showing && readShortened(params) === "text" && (
          <ShortestFound
            shorten={shorten}
            onRun={settled === "" ? null : () => shorten.start({ text: settled })}
          />
        )}
      </Stack>
    </Panel>
  );
}
