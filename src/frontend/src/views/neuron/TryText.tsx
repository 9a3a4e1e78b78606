import { Stack, Text, Textarea } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { useEffect, useRef, useState } from "react";
import { useProbe } from "@/api/queries/neurons";
import { useTrace } from "@/api/queries/traces";
import { ErrorNote } from "@/components/Notice";
import { Panel } from "@/components/Panel";
import { TokenStrip } from "@/components/TokenStrip";
import { formatExact, formatPercent } from "@/lib/format";
import { promptOf } from "@/lib/prompt";
import { showToken } from "@/lib/tokens";
import { useModelId, useParams } from "@/state/address";
import { useSession } from "@/state/session";
import { peakPlace, reachOf } from "./peaks";

interface TryTextProps {
  layer: number;
  index: number;
  /** Largest value over the corpus, where it is known: the colours then mean the same as below. */
  strongest: number;
  onPick: (token: string, chip: HTMLElement) => void;
}

/** Any text, with this neuron's value on each of its tokens as one types. */
export function TryText({ layer, index, strongest, onPick }: TryTextProps) {
  const modelId = useModelId();
  const [text, setText] = useState(() => useSession.getState().prompt);
  // After a reload the draft is gone, but the trace in the address still knows the prompt.
  const trace = useTrace(useParams().get("trace"));
  const recorded = trace.data && promptOf(trace.data);
  const touched = useRef(text !== "");
  useEffect(() => {
    if (recorded && !touched.current) setText(recorded);
  }, [recorded]);
  const [settled] = useDebouncedValue(text, 350);
  const { mutate, data, error, isPending, reset } = useProbe();

  useEffect(() => {
    if (settled === "") reset();
    else mutate({ modelId, layer, unit: index, text: settled });
  }, [settled, modelId, layer, index, mutate, reset]);

  const answer = settled === "" ? undefined : data;
  const peak = answer ? peakPlace(answer.activations, answer.special) : -1;
  return (
    <Panel title="Try your own text" about={isPending ? "reading…" : "values as you type"}>
      <Stack gap="xs">
        <Textarea
          aria-label="Text to try"
          placeholder="Type a text to see this neuron's value on each of its tokens"
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
        {error && (
          <ErrorNote error={error} onRetry={() => mutate({ modelId, layer, unit: index, text })} compact />
        )}
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
              <Text size="xs" c="dimmed" mt={4}>
                highest on “{showToken(answer.tokens[peak] ?? "")}”:{" "}
                {formatExact(answer.activations[peak] ?? 0)}
                {strongest > 0 &&
                  ` (${formatPercent(Math.max(0, (answer.activations[peak] ?? 0) / strongest))} of its strongest in the corpus)`}
              </Text>
            )}
          </div>
        )}
      </Stack>
    </Panel>
  );
}
