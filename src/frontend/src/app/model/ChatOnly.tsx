import { Button, Group, Text } from "@mantine/core";
import { Link, useLocation } from "react-router";
import type { ModelEntry } from "@/api/types";
import { Banner } from "@/components/Banner";
import { patchSearch } from "@/lib/url";
import { BackButton } from "./BackButton";

/** A model on a chat server can be talked with, and nothing of its inside be seen: said wherever one would look for it. */
export function ChatOnly({ entry }: { entry: ModelEntry }) {
  const { pathname } = useLocation();
  if (pathname === "/live") return null;
  return (
    <Banner tone="info" title={`${entry.model_id} can't be looked into`}>
      <Group justify="space-between" gap="xs">
        <Text size="sm">{entry.note}</Text>
        <Group gap="xs">
          <Button
            size="compact-sm"
            component={Link}
            to={{ pathname: "/live", search: patchSearch("", { model: entry.model_id }) }}
          >
            Chat with it
          </Button>
          <BackButton modelId={entry.model_id} />
        </Group>
      </Group>
    </Banner>
  );
}
