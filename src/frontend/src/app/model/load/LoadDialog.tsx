import { Skeleton } from "@mantine/core";
import { lazy, Suspense } from "react";
import { Dialog } from "@/components/Dialog";
import { useParams, usePatch } from "@/state/address";

const LoadForm = lazy(() => import("./LoadForm"));

/** The options of a load, open while the address names a model for them. */
export function LoadDialog() {
  const modelId = useParams().get("load");
  const patch = usePatch();
  const close = () => patch({ load: null });
  return (
    <Dialog opened={modelId !== null} onClose={close} title={`Load options · ${modelId ?? ""}`} size={680}>
      {modelId !== null && (
        <Suspense fallback={<Skeleton height={260} />}>
          <LoadForm key={modelId} modelId={modelId} onClose={close} />
        </Suspense>
      )}
    </Dialog>
  );
}
