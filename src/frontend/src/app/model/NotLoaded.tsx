import { Button, Group, Text } from "@mantine/core";
import { IconSettings } from "@tabler/icons-react";
import { useLoadModel } from "@/api/queries/models";
import type { ModelEntry } from "@/api/types";
import { Banner } from "@/components/Banner";
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
  const takes = need ? `It takes ${formatBytes(need.bytes)} in ${precisionWord(need.precision)}.` : "";
  const where = source === "hub" ? " Its files are fetched from the hub first." : "";
  return (
    <Banner tone="info" title={loadable ? `${modelId} is not loaded yet` : `${modelId} can't be loaded`}>
      <Group justify="space-between" gap="xs">
        <Text size="sm">{loadable ? `${takes}${where}` : note}</Text>
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
    </Banner>
  );
}
