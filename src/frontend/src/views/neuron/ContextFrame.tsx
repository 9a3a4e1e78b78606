import { Group } from "@mantine/core";
import type { ReactNode } from "react";
import { TokenStrip } from "@/components/TokenStrip";
import { formatExact, formatValue } from "@/lib/format";
import { readFlag } from "@/lib/url";
import { useParams } from "@/state/address";
import classes from "./Neuron.module.css";

interface FrameProps {
  /** How strong it is: the peak's value, of a unit or of several together. */
  value: number;
  /** What the value is of, where it is not the unit's own activation. */
  of?: string;
  /** Size of a value at which bar and colour are full. */
  reach: number;
  place: { doc: number; position: number; peak: number; parts: readonly string[] | null };
  shown: {
    tokens: readonly string[];
    /** null where a value was not kept. */
    values: readonly (number | null)[];
    special: readonly boolean[];
    peak: number | undefined;
  };
  label: string;
  /** Names the strip: another one has its own place for the arrow keys. */
  stripKey?: string;
  /** Set where it is among those that nothing can displace. */
  certain?: boolean;
  /** Further words on where it stands, such as its file. */
  where?: ReactNode;
  /** What can be done with it, or what else is known of it. */
  beside?: ReactNode;
  onPick: (token: string, chip: HTMLElement) => void;
  /** What stands below, such as what became of shortening it. */
  children?: ReactNode;
}

/** One place of the corpus in a list of them: how strong it is, its tokens, and where it stands. */
export function ContextFrame(props: FrameProps) {
  const { value, of, reach, place, shown, label, stripKey, certain, where, beside, onPick, children } = props;
  const showValues = readFlag(useParams(), "values");
  const part = place.parts?.[place.peak];
  const share = reach > 0 ? Math.min(1, Math.abs(value) / reach) : 0;
  return (
    <li className={classes.context} data-testid="context" data-certain={certain || undefined}>
      <div className={classes.activation} title={of ? `${of} ${formatExact(value)}` : formatExact(value)}>
        <span data-testid="context-activation" data-value={formatExact(value)}>
          {formatValue(value)}
        </span>
        <div
          className={classes.meter}
          data-negative={value < 0 || undefined}
          style={{ width: `${share * 100}%` }}
        />
      </div>
      <TokenStrip
        key={stripKey}
        label={label}
        tokens={shown.tokens}
        values={shown.values}
        special={shown.special}
        peak={shown.peak}
        reach={reach}
        showValues={showValues}
        onPick={onPick}
      />
      <Group className={classes.where} gap="xs">
        {part && <span className={classes.part}>{part}</span>}
        <span>
          document {place.doc}, token {place.position}
          {where}
        </span>
        {beside}
      </Group>
      {children}
    </li>
  );
}
