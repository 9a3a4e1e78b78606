import { Group, Skeleton, Stack, UnstyledButton } from "@mantine/core";
import type { ReactNode } from "react";
import { type UnitAsked, useWindow } from "@/api/queries/neurons";
import type { Example } from "@/api/types";
import { ErrorNote } from "@/components/Notice";
import { ContextFrame } from "./ContextFrame";
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
  const whole = useWindow(asked, place);
  const shown = whole.data ?? {
    tokens: place.tokens,
    special: place.special,
    activations: values ?? place.tokens.map((_, at) => (at === place.peak ? place.activation : null)),
  };
  return (
    <ContextFrame
      value={place.activation}
      reach={reach}
      place={place}
      // The whole window is another strip, with its own place for the arrow keys.
      stripKey={whole.data ? "window" : "excerpt"}
      shown={{
        tokens: shown.tokens,
        values: shown.activations,
        special: shown.special,
        peak: whole.data ? placeOf(place, whole.data) : place.peak,
      }}
      label={`Context ${rank + 1}: its tokens with their activations`}
      where={place.file !== null && `, ${place.file}${place.line === null ? "" : ` line ${place.line}`}`}
      onPick={onPick}
      beside={
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
      }
    >
      {whole.error && (
        <div className={classes.below}>
          <ErrorNote error={whole.error} onRetry={() => whole.mutate()} compact />
        </div>
      )}
      {children && <div className={classes.below}>{children}</div>}
    </ContextFrame>
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
