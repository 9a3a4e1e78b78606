import { Button, Group, Text } from "@mantine/core";
import { useLoadModel } from "@/api/queries/models";
import { Banner } from "@/components/Banner";
import { looksLikeHubId } from "@/lib/models";
import { BackButton } from "./BackButton";

/** A link may name a model that this machine has not; said at once, before anything is asked of it. */
export function UnknownModel({ modelId }: { modelId: string }) {
  const load = useLoadModel();
  const onHub = looksLikeHubId(modelId);
  return (
    <Banner tone="error" title={`${modelId} is not on this machine`}>
      <Text size="sm">
        {onHub
          ? "The address names a model that is not here. Load it from the hub, or choose another at the top."
          : "The address names a model that is not here. Choose another at the top."}
      </Text>
      <Group mt="xs" gap="xs">
        {onHub && (
          <Button
            size="compact-sm"
            variant="default"
            loading={load.isPending}
            onClick={() => load.mutate({ model_id: modelId })}
          >
            Load {modelId} from the hub
          </Button>
        )}
        <BackButton modelId={modelId} />
      </Group>
    </Banner>
  );
}
