import { NumberInput } from "@mantine/core";

interface CountInputProps {
  label: string;
  value: number | "";
  min: number;
  max?: number;
  placeholder?: string;
  width?: number;
  onChange: (value: number | "") => void;
}

/** A whole number to be typed, or none yet. */
export function CountInput({ label, value, min, max, placeholder, width, onChange }: CountInputProps) {
  return (
    <NumberInput
      size="sm"
      label={label}
      min={min}
      allowDecimal={false}
      value={value}
      onChange={(next) => onChange(next === "" ? "" : Number(next))}
      {...(max === undefined ? {} : { max })}
      {...(placeholder === undefined ? {} : { placeholder })}
      {...(width === undefined ? {} : { w: width })}
    />
  );
}
