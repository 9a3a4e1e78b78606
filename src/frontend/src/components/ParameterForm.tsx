import { NativeSelect, NumberInput, SimpleGrid, Switch } from "@mantine/core";
import { useState } from "react";
import type { Parameter } from "@/api/types";
import { labelOf, type ParameterValue, type ParameterValues, problemWith } from "@/lib/parameters";

interface ParameterFormProps {
  parameters: readonly Parameter[];
  values: ParameterValues;
  onChange: (name: string, value: ParameterValue) => void;
}

/** A form made from what an analysis declares: nothing here knows any analysis by name. */
export function ParameterForm({ parameters, values, onChange }: ParameterFormProps) {
  return (
    <SimpleGrid cols={2} spacing="xs" verticalSpacing="xs">
      {parameters.map((parameter) => (
        <Field
          key={parameter.name}
          parameter={parameter}
          value={values[parameter.name] ?? ""}
          onChange={(value) => onChange(parameter.name, value)}
        />
      ))}
    </SimpleGrid>
  );
}

interface FieldProps {
  parameter: Parameter;
  value: ParameterValue;
  onChange: (value: ParameterValue) => void;
}

function Field({ parameter, value, onChange }: FieldProps) {
  const shared = { label: labelOf(parameter), size: "xs" as const, title: parameter.help };
  const problem = problemWith(parameter, value);
  if (parameter.kind === "bool")
    return (
      <Switch
        {...shared}
        mt={24}
        checked={value === true}
        onChange={(event) => onChange(event.currentTarget.checked)}
      />
    );
  if (parameter.kind === "choice")
    return (
      <NativeSelect
        {...shared}
        data={parameter.choices ?? []}
        value={String(value)}
        onChange={(event) => onChange(event.currentTarget.value)}
        error={problem}
      />
    );
  return <NumberField parameter={parameter} value={value} onChange={onChange} />;
}

/** Keeps what is typed until it is a number: an emptied field must not jump back to its default. */
function NumberField({ parameter, value, onChange }: FieldProps) {
  const [draft, setDraft] = useState<number | string>(Number(value));
  const shown = draft !== "" && Number(draft) !== value ? Number(value) : draft;
  return (
    <NumberInput
      label={labelOf(parameter)}
      size="xs"
      title={parameter.help}
      value={shown}
      onChange={(next) => {
        setDraft(next);
        if (next !== "" && Number.isFinite(Number(next))) onChange(Number(next));
      }}
      onBlur={() => setDraft(Number(value))}
      min={parameter.minimum ?? undefined}
      max={parameter.maximum ?? undefined}
      clampBehavior="none"
      allowDecimal={parameter.kind === "float"}
      step={parameter.kind === "float" ? 0.1 : 1}
      error={problemWith(parameter, shown === "" ? "" : Number(shown))}
    />
  );
}
