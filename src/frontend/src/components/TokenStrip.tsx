import { type KeyboardEvent, useRef, useState } from "react";
import { chipColour, cssColour, inkOn } from "@/lib/colour";
import { formatExact, formatValue } from "@/lib/format";
import { showToken, spellToken } from "@/lib/tokens";
import classes from "./Token.module.css";
import { useThemeName } from "./useThemeName";

interface TokenStripProps {
  label: string;
  tokens: readonly string[];
  /** null where a value was not kept. */
  values: readonly (number | null)[];
  special?: readonly boolean[] | undefined;
  /** Size of a value at which the colour is full. */
  reach: number;
  peak?: number | undefined;
  showValues?: boolean;
  /** Called with the chip, for a popover beside it. */
  onPick?: (token: string, chip: HTMLElement) => void;
}

/** Tokens on grounds coloured by their values. One stop for Tab; the arrow keys move inside. */
export function TokenStrip({
  label,
  tokens,
  values,
  special,
  reach,
  peak,
  showValues = false,
  onPick,
}: TokenStripProps) {
  const theme = useThemeName();
  const [active, setActive] = useState(peak ?? 0);
  const strip = useRef<HTMLDivElement>(null);

  const move = (event: KeyboardEvent) => {
    const steps: Record<string, number> = {
      ArrowRight: 1,
      ArrowLeft: -1,
      Home: -tokens.length,
      End: tokens.length,
    };
    const step = steps[event.key];
    if (step === undefined) return;
    event.preventDefault();
    const next = Math.max(0, Math.min(tokens.length - 1, active + step));
    setActive(next);
    strip.current?.querySelectorAll("button")[next]?.focus();
  };

  return (
    <div
      ref={strip}
      className={classes.strip}
      role="toolbar"
      aria-label={label}
      onKeyDown={move}
      data-values={showValues || undefined}
    >
      {tokens.map((token, place) => {
        const value = values[place] ?? null;
        const ground = chipColour(special?.[place] ? 0 : (value ?? 0), reach, theme);
        return (
          <button
            // biome-ignore lint/suspicious/noArrayIndexKey: tokens repeat; the position is the token's identity
            key={place}
            type="button"
            className={classes.valued}
            style={{ background: cssColour(ground), color: inkOn(ground) }}
            tabIndex={place === active ? 0 : -1}
            aria-label={value === null ? spellToken(token) : `${spellToken(token)}: ${formatExact(value)}`}
            data-value={value === null ? undefined : formatExact(value)}
            data-peak={place === peak || undefined}
            data-special={special?.[place] || undefined}
            onFocus={() => setActive(place)}
            onClick={(event) => onPick?.(token, event.currentTarget)}
          >
            {showToken(token)}
            {showValues && value !== null && <span className={classes.small}>{formatValue(value)}</span>}
          </button>
        );
      })}
    </div>
  );
}
