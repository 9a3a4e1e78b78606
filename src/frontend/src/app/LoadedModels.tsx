import { ActionIcon, Anchor, Group, Stack, Text, Tooltip } from "@mantine/core";
import { IconPlayerEject } from "@tabler/icons-react";
import { useUnloadModel } from "@/api/queries/models";
import type { ModelEntry } from "@/api/types";
import { ErrorNote } from "@/components/Notice";
import { formatBytes } from "@/lib/format";
import { loadedWord } from "@/lib/precision";
import { useModelId } from "@/state/address";
import { useSession } from "@/state/session";
import { useChooseModel } from "./model/useChooseModel";

/** Each model in memory with what its weights take, and a way to give that back. */
export function LoadedModels({ models, onLeave }: { models: readonly ModelEntry[]; onLeave: () => void }) {
  const unload = useUnloadModel();
  const choose = useChooseModel();
  const current = useModelId();
  const setRerun = useSession((session) => session.setRerun);
  if (models.length === 0)
    return (
      <Text size="sm" c="dimmed">
        No model is in memory. Choose one at the top left.
      </Text>
    );
  return (
    <Stack gap={8} component="ul" m={0} p={0} style={{ listStyle: "none" }}>
      {models.map((entry) => (
        <Group key={entry.model_id} component="li" justify="space-between" wrap="nowrap" gap="xs">
          <div style={{ minWidth: 0 }}>
            {entry.model_id === current ? (
              <Text size="sm" fw={600} truncate title={entry.model_id}>
                {entry.model_id}
              </Text>
            ) : (
              <Anchor
                component="button"
                type="button"
                size="sm"
                truncate
                maw="100%"
                ta="left"
                title={`Switch to ${entry.model_id}`}
                onClick={() => {
                  choose(entry.model_id, entry);
                  onLeave();
                }}
              >
                {entry.model_id}
              </Anchor>
            )}
            {entry.loaded_as && (
              <Text size="xs" c="dimmed">
                {formatBytes(entry.loaded_as.weight_bytes)} · {loadedWord(entry.loaded_as)} ·{" "}
                {entry.loaded_as.device}
              </Text>
            )}
          </div>
          <Tooltip label="Unload it and free its memory">
            <ActionIcon
              variant="subtle"
              color="gray"
              aria-label={`Unload ${entry.model_id}`}
              loading={unload.isPending && unload.variables === entry.model_id}
              onClick={() => {
                if (entry.model_id === current) setRerun(false);
                unload.mutate(entry.model_id);
              }}
            >
              <IconPlayerEject size={17} />
            </ActionIcon>
          </Tooltip>
        </Group>
      ))}
      {unload.error && <ErrorNote error={unload.error} compact />}
    </Stack>
  );
}
