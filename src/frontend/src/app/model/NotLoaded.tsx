import { Button, Group, Paper, Text } from "@mantine/core";
import { IconSettings } from "@tabler/icons-react";
import { useLoadModel } from "@/api/queries/models";
import type { ModelEntry } from "@/api/types";
import { formatBytes } from "@/lib/format";
import { chosenNeed, precisionWord } from "@/lib/precision";
import { usePatch } from "@/state/address";
import { BackButton } from "./BackButton";

/** A link may name a model that is known but not in memory: says so, and what loading it takes. */
export function NotLoaded({ entry }: { entry: ModelEntry }) {
  const load = useLoadModel();
  const patch = usePatch();
  const { model_id: modelId, source, loadable, note } = entry;
  const need = chosenNeed(entry);
  const takes = need ? ` It takes ${formatBytes(need.bytes)} in ${precisionWord(need.precision)}.` : "";
  const where = source === "hub" ? " Its files are fetched from the hub first." : "";
  return (
    <Paper
      withBorder
      p="xs"
      px="sm"
      mb="sm"
      bg="var(--ns-surface)"
      component="section"
      aria-label="The model is not loaded"
    >
      <Group justify="space-between" gap="xs">
        <Text size="sm">
          <b>{modelId}</b> {loadable ? `is not loaded yet.${takes}${where}` : `can't be loaded. ${note}`}
        </Text>
        <Group gap="xs">
          {loadable && (
            <>
              <Button
                size="compact-sm"
                loading={load.isPending}
                onClick={() => load.mutate({ model_id: modelId })}
              >
                Load
              </Button>
              <Button
                size="compact-sm"
                variant="default"
                leftSection={<IconSettings size={14} aria-hidden />}
                onClick={() => patch({ load: modelId })}
              >
                Load options
              </Button>
            </>
          )}
          <BackButton modelId={modelId} />
        </Group>
      </Group>
    </Paper>
  );
}
