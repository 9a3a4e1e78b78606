import { NumberInput, Select, SimpleGrid, Switch } from "@mantine/core";
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
      <Select
        {...shared}
        data={parameter.choices ?? []}
        value={String(value)}
        allowDeselect={false}
        onChange={(next) => next !== null && onChange(next)}
        error={problem}
      />
    );
  return (
    <NumberInput
      {...shared}
      value={typeof value === "number" ? value : ""}
      onChange={(next) => onChange(next)}
      min={parameter.minimum ?? undefined}
      max={parameter.maximum ?? undefined}
      clampBehavior="none"
      allowDecimal={parameter.kind === "float"}
      step={parameter.kind === "float" ? 0.1 : 1}
      error={problem}
    />
  );
}
