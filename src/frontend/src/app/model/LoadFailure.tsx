import { Anchor, Button, Group, Text } from "@mantine/core";
import { IconSettings } from "@tabler/icons-react";
import { useState } from "react";
import { useLoadModel } from "@/api/queries/models";
import type { LoadRequest } from "@/api/types";
import { Banner } from "@/components/Banner";
import { pageHint } from "@/lib/hints";
import { hubPage } from "@/lib/models";
import { usePatch } from "@/state/address";
import { BackButton } from "./BackButton";
import { WaysThatFit } from "./load/WaysThatFit";

interface FailureProps {
  /** Of this very failure, so that another one shows although this one was dismissed. */
  id: string;
  asked: LoadRequest;
  error: { code: string; message: string; hint: string };
}

/* Against these, asking for the same once more does not help. */
const LASTING = ["unsafe_model", "unsupported_model", "not_found", "bad_request", "invalid_request"];

/** Why a model could not be loaded, and what to do about it. */
export function LoadFailure({ id, asked, error }: FailureProps) {
  const load = useLoadModel();
  const patch = usePatch();
  const [dismissed, setDismissed] = useState<string | null>(null);
  const modelId = asked.model_id;
  if (dismissed === id) return null;
  return (
    <Banner tone="error" title={`${modelId} could not be loaded`} onClose={() => setDismissed(id)}>
      <Text size="sm">{error.message}</Text>
      <Text size="sm">{pageHint(error.message, error.hint)}</Text>
      {error.code === "gated_model" && (
        <Text size="sm">
          <Anchor href={hubPage(modelId)} target="_blank" rel="noreferrer" size="sm" inherit>
            Open its page on the hub
          </Anchor>
          , where its licence is accepted.
        </Text>
      )}
      {error.code === "insufficient_memory" && <WaysThatFit asked={asked} />}
      <Group mt="xs" gap="xs">
        {!LASTING.includes(error.code) && (
          <Button
            size="compact-sm"
            variant="default"
            loading={load.isPending}
            onClick={() => load.mutate(asked)}
          >
            Try again
          </Button>
        )}
        <Button
          size="compact-sm"
          variant="default"
          leftSection={<IconSettings size={14} aria-hidden />}
          onClick={() => patch({ load: modelId })}
        >
          Load options
        </Button>
        <BackButton modelId={modelId} />
      </Group>
    </Banner>
  );
}
