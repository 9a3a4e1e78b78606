import { IconLock } from "@tabler/icons-react";
import { formatValue } from "@/lib/format";
import type { UnitValue } from "@/lib/payloads";
import { usePatch } from "@/state/address";
import { guardWords } from "./Guarded";
import { useOptions } from "./options";
import classes from "./Scan.module.css";
import { useProtected } from "./useProtected";

/** Units with their signed values: negative ones grow to the left of the middle. A click selects one. */
export function UnitBars({ address, units }: { address: string; units: readonly UnitValue[] }) {
  const { unit: chosen } = useOptions();
  const patch = usePatch();
  const guarded = useProtected();
  const reach = Math.max(...units.map(({ value }) => (Number.isFinite(value) ? Math.abs(value) : 0)), 1e-12);
  return (
    <ol className={classes.units}>
      {units.map(({ index, value }) => {
        const unit = `${address}:${index}`;
        const rise = guarded.get(unit);
        const share = Number.isFinite(value) ? (Math.abs(value) / reach) * 50 : 0;
        return (
          <li key={index}>
            <button
              type="button"
              className={classes.unit}
              aria-pressed={unit === chosen}
              onClick={() => patch({ unit })}
            >
              <span className={classes.index}>
                #{index}
                {rise !== undefined && (
                  <span
                    className={classes.lock}
                    role="img"
                    aria-label={guardWords(rise)}
                    title={guardWords(rise)}
                  >
                    <IconLock size={12} aria-hidden />
                  </span>
                )}
              </span>
              <span className={classes.track} aria-hidden>
                <span
                  data-negative={value < 0 || undefined}
                  style={{ width: `${share}%`, [value < 0 ? "right" : "left"]: "50%" }}
                />
              </span>
              <span className={classes.number}>{formatValue(value)}</span>
            </button>
          </li>
        );
      })}
    </ol>
  );
}
