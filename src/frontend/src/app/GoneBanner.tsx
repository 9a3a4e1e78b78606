import { Button, Group, Text } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";
import { checkHealth } from "@/api/queries/system";
import { Banner } from "@/components/Banner";
import { useSession } from "@/state/session";

/** While the server does not answer: says so, keeps knocking, and brings everything back when it returns. */
export function GoneBanner() {
  const gone = useSession((session) => session.connection === "unreachable");
  const setConnection = useSession((session) => session.setConnection);
  const queries = useQueryClient();
  const knock = useQuery({
    queryKey: ["health"],
    queryFn: checkHealth,
    enabled: gone,
    refetchInterval: 3000,
    retry: false,
    gcTime: 0,
  });

  const back = gone && knock.isSuccess && !knock.isFetching;
  useEffect(() => {
    if (!back) return;
    setConnection("ok");
    queries.invalidateQueries();
  }, [back, setConnection, queries]);

  if (!gone) return null;
  return (
    <Banner tone="error" title="The server does not answer">
      <Group justify="space-between" gap="xs">
        <Text size="sm">
          Check that NeuronScope is still running in its terminal. What is on screen stays; the page tries
          again by itself.
        </Text>
        <Button
          size="compact-sm"
          variant="default"
          loading={knock.isFetching}
          onClick={() => knock.refetch()}
        >
          Try now
        </Button>
      </Group>
    </Banner>
  );
}
