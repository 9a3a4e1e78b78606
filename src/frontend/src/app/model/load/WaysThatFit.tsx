import { Button, Group, Text } from "@mantine/core";
import { useEstimate, useModels, useUnloadModel } from "@/api/queries/models";
import type { LoadRequest } from "@/api/types";
import { formatBytes } from "@/lib/format";
import { fitting, precisionOptions, precisionWord } from "@/lib/precision";
import { useChooseModel } from "../useChooseModel";

/** Where memory does not suffice: the precisions that fit, each one click, and what could make room. */
export function WaysThatFit({ asked }: { asked: LoadRequest }) {
  const models = useModels();
  const choose = useChooseModel();
  const unload = useUnloadModel();
  const { model_id, revision, device } = asked;
  const where = { ...(revision ? { revision } : {}), ...(device ? { device } : {}) };
  const { data } = useEstimate({ model_id, ...where }, true);
  const ways = fitting(data?.options ?? []);
  const least = Math.min(...(data?.options ?? []).map(({ bytes }) => bytes));
  // To unload what frees next to nothing is no help.
  const others =
    models.data?.models.filter(
      ({ loaded_as: as, model_id: id }) => as && id !== model_id && as.weight_bytes > least / 50,
    ) ?? [];
  if (ways.length === 0 && others.length === 0) return null;
  return (
    <Group gap="xs" mt="xs" align="center">
      {ways.length > 0 && (
        <>
          <Text size="sm" fw={500}>
            What fits:
          </Text>
          {ways.map(({ precision, bytes }) => (
            <Button
              key={precision}
              size="compact-sm"
              onClick={() => choose(model_id, undefined, { ...where, ...precisionOptions(precision) })}
            >
              {precisionWord(precision)} · {formatBytes(bytes)}
            </Button>
          ))}
        </>
      )}
      {others.map((one) => (
        <Button
          key={one.model_id}
          size="compact-sm"
          variant="default"
          loading={unload.isPending && unload.variables === one.model_id}
          onClick={() => unload.mutate(one.model_id)}
        >
          Unload {one.model_id}
          {one.loaded_as ? ` · ${formatBytes(one.loaded_as.weight_bytes)}` : ""}
        </Button>
      ))}
    </Group>
  );
}
