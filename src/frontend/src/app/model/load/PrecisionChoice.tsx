import { Radio } from "@mantine/core";
import type { Need, Precision } from "@/api/types";
import { formatBytes } from "@/lib/format";
import { PRECISION_ABOUT, precisionWord } from "@/lib/precision";
import classes from "./Estimate.module.css";

interface ChoiceProps {
  value: Precision | null;
  onChange: (precision: Precision | null) => void;
  options: readonly Need[];
  /** What would be taken if nothing were chosen; null where that is not known. */
  chosen: Precision | null;
}

/** The precisions side by side, each with what it takes and whether that fits. */
export function PrecisionChoice({ value, onChange, options, chosen }: ChoiceProps) {
  const none = options.length > 0 && options.every(({ fits }) => !fits);
  return (
    <Radio.Group
      label="Precision"
      value={value ?? ""}
      onChange={(next) => onChange(options.find(({ precision }) => precision === next)?.precision ?? null)}
    >
      <div className={classes.ways}>
        <Radio.Card value="" className={classes.way} aria-label="Automatic" data-autofocus>
          <Radio.Indicator size="xs" mt={2} />
          <div>
            <b>Automatic</b>
            <span>{chosen && !none ? `now ${precisionWord(chosen)}` : "the most exact that fits"}</span>
            {none && <span data-fits="no">none does now</span>}
          </div>
        </Radio.Card>
        {options.map(({ precision, bytes, fits }) => (
          <Radio.Card
            key={precision}
            value={precision}
            className={classes.way}
            title={PRECISION_ABOUT[precision]}
            aria-label={precisionWord(precision)}
          >
            <Radio.Indicator size="xs" mt={2} />
            <div>
              <b>{precisionWord(precision)}</b>
              <span>{formatBytes(bytes)}</span>
              {!fits && <span data-fits="no">too large</span>}
            </div>
          </Radio.Card>
        ))}
      </div>
    </Radio.Group>
  );
}
