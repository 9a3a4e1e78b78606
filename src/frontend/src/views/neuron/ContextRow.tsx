import { Group, Skeleton, Stack, UnstyledButton } from "@mantine/core";
import type { ReactNode } from "react";
import { type UnitAsked, useWindow } from "@/api/queries/neurons";
import type { Example } from "@/api/types";
import { ErrorNote } from "@/components/Notice";
import { TokenStrip } from "@/components/TokenStrip";
import { formatExact, formatValue } from "@/lib/format";
import { readFlag } from "@/lib/url";
import { useParams } from "@/state/address";
import classes from "./Neuron.module.css";
import { placeOf } from "./peaks";

interface RowProps {
  asked: UnitAsked;
  place: Example;
  /** On every token that is shown; null where only the peak's was kept. */
  values: readonly number[] | null;
  /** From 0. */
  rank: number;
  reach: number;
  onPick: (token: string, chip: HTMLElement) => void;
  onShorten?: () => void;
  shortening?: boolean;
  /** What stands below, such as what became of shortening it. */
  children?: ReactNode;
}

/** One place of the corpus; the whole window around it is run again when asked for. */
export function ContextRow(props: RowProps) {
  const { asked, place, values, rank, reach, onPick, onShorten, shortening = false, children } = props;
  const showValues = readFlag(useParams(), "values");
  const whole = useWindow(asked, place);
  const shown = whole.data ?? {
    tokens: place.tokens,
    special: place.special,
    activations: values ?? place.tokens.map((_, at) => (at === place.peak ? place.activation : null)),
  };
  const peak = whole.data ? placeOf(place, whole.data) : place.peak;
  const part = place.parts?.[place.peak];
  const share = reach > 0 ? Math.max(0, Math.min(1, place.activation / reach)) : 0;
  return (
    <li className={classes.context} data-testid="context">
      <div className={classes.activation} title={formatExact(place.activation)}>
        <span data-testid="context-activation" data-value={formatExact(place.activation)}>
          {formatValue(place.activation)}
        </span>
        <div className={classes.meter} style={{ width: `${share * 100}%` }} />
      </div>
      <TokenStrip
        // The whole window is another strip, with its own place for the arrow keys.
        key={whole.data ? "window" : "excerpt"}
        label={`Context ${rank + 1}: its tokens with their activations`}
        tokens={shown.tokens}
        values={shown.activations}
        special={shown.special}
        peak={peak}
        reach={reach}
        showValues={showValues}
        onPick={onPick}
      />
      <Group className={classes.where} gap="xs">
        {part && <span className={classes.part}>{part}</span>}
        <span>
          document {place.doc}, token {place.position}
          {place.file !== null && `, ${place.file}${place.line === null ? "" : ` line ${place.line}`}`}
        </span>
        <Group gap="sm" ml="auto">
          <UnstyledButton
            className={classes.act}
            disabled={whole.isPending}
            aria-label={`${whole.data ? "Excerpt" : "Whole window"} of context ${rank + 1}`}
            title="Run the window that the model read it in again, with the value on every token"
            onClick={() => (whole.data ? whole.reset() : whole.mutate())}
          >
            {whole.isPending ? "running…" : whole.data ? "excerpt" : "whole window"}
          </UnstyledButton>
          {onShorten && (
            <UnstyledButton
              className={classes.act}
              disabled={shortening}
              aria-label={`Shorten context ${rank + 1}`}
              title="Find the shortest text out of it that still drives the unit to 80 %"
              onClick={onShorten}
            >
              shorten
            </UnstyledButton>
          )}
        </Group>
      </Group>
      {whole.error && (
        <div className={classes.below}>
          <ErrorNote error={whole.error} onRetry={() => whole.mutate()} compact />
        </div>
      )}
      {children && <div className={classes.below}>{children}</div>}
    </li>
  );
}

export function RowSkeletons() {
  return (
    <Stack gap="xs" px="sm">
      {[0, 1, 2, 3, 4].map((row) => (
        <Skeleton key={row} height={44} />
      ))}
    </Stack>
  );
}
