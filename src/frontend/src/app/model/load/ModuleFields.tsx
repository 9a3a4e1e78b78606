import { SimpleGrid, Text, TextInput } from "@mantine/core";
import { MODULE_FIELDS, pathFault } from "./loadForm";

interface FieldsProps {
  modules: Record<string, string>;
  onChange: (modules: Record<string, string>) => void;
}

/** Names of a model's modules by hand, where inspection does not find them. */
export function ModuleFields({ modules, onChange }: FieldsProps) {
  return (
    <div>
      <Text size="xs" c="dimmed" mb="xs">
        Only where a load said that it could not find a part. Names are dotted, and but for the first two they
        start inside a block; leave empty what is found by itself.
      </Text>
      <SimpleGrid cols={{ base: 1, xs: 2 }} spacing="xs" verticalSpacing={6}>
        {MODULE_FIELDS.map(({ name, about, example }) => (
          <TextInput
            key={name}
            size="xs"
            label={name}
            description={about}
            placeholder={example}
            value={modules[name] ?? ""}
            error={pathFault(modules[name] ?? "")}
            onChange={(event) => onChange({ ...modules, [name]: event.currentTarget.value })}
            styles={{ input: { fontFamily: "var(--mantine-font-family-monospace)" } }}
          />
        ))}
      </SimpleGrid>
    </div>
  );
}
