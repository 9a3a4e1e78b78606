import { Text, UnstyledButton } from "@mantine/core";
import { parseUnit } from "@/lib/address";
import { formatCount, formatValue } from "@/lib/format";
import { usePatch } from "@/state/address";
import classes from "./Selection.module.css";

const SHOWN = 5;

interface RisesProps {
  units: readonly { unit: string; rise: number | null }[];
  label: string;
}

/** Protected units with what ablating each alone does to the loss. A click selects one. */
export function Rises({ units, label }: RisesProps) {
  const patch = usePatch();
  const select = (unit: string) => {
    const place = parseUnit(unit);
    if (place) patch({ unit, layer: place.layer, point: place.point === "mlp_act" ? null : place.point });
  };
  if (units.length === 0) return null;
  return (
    <>
      <ul className={classes.rises} aria-label={label}>
        {units.slice(0, SHOWN).map(({ unit, rise }) => (
          <li key={unit}>
            <UnstyledButton onClick={() => select(unit)}>{unit}</UnstyledButton>
            <span title="Rise of the loss with it ablated alone, in nats a token">
              {rise === null ? "beyond number" : `+${formatValue(rise)}`}
            </span>
          </li>
        ))}
      </ul>
      {units.length > SHOWN && (
        <Text size="xs" c="dimmed">
          And {formatCount(units.length - SHOWN)} more.
        </Text>
      )}
    </>
  );
}
