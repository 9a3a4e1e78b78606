import { Skeleton, Stack, Text } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { lazy, Suspense, useEffect } from "react";
import { useModelCard } from "@/api/queries/models";
import { Dialog } from "@/components/Dialog";
import { ErrorNote } from "@/components/Notice";
import { useParams, usePatch } from "@/state/address";

const CardBody = lazy(() => import("./card/CardBody"));

/** The model's card: what it is made of, what it computes, and what can be read from it. `card` in the address opens it. */
export function ModelCardModal({ modelId }: { modelId: string }) {
  const opened = useParams().get("card") !== null;
  const patch = usePatch();
  const card = useModelCard(modelId, opened);
  const queries = useQueryClient();
  const { dataUpdatedAt } = card;
  useEffect(() => {
    // Asking for a card loads the model where it was not; the rest of the page hears of it here.
    if (dataUpdatedAt > 0)
      for (const key of ["models", "system"]) queries.invalidateQueries({ queryKey: [key] });
  }, [dataUpdatedAt, queries]);
  return (
    <Dialog
      opened={opened}
      onClose={() => patch({ card: null, block: null, box: null })}
      title={`Model card · ${modelId}`}
      size="min(1180px, 94vw)"
    >
      {card.isPending && <Loading />}
      {card.error && <ErrorNote error={card.error} onRetry={() => card.refetch()} />}
      {card.data && (
        <Suspense fallback={<Loading />}>
          <CardBody card={card.data} />
        </Suspense>
      )}
    </Dialog>
  );
}

function Loading() {
  return (
    <Stack gap="xs" mih="60vh">
      <Text size="sm" c="dimmed" role="status">
        Reading the model; it is loaded first where it is not.
      </Text>
      <Skeleton height={34} w={620} maw="100%" />
      <Skeleton height={90} />
      <Skeleton height={320} />
    </Stack>
  );
}
