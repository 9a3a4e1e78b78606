import { Skeleton, Stack, VisuallyHidden } from "@mantine/core";
import { IconDatabase, IconDatabaseOff } from "@tabler/icons-react";
import { useIndexes } from "@/api/queries/indexes";
import { useModels } from "@/api/queries/models";
import { EmptyState, ErrorNote } from "@/components/Notice";
import { Panel } from "@/components/Panel";
import { isMissing } from "@/lib/models";
import { useModelId, useParams } from "@/state/address";
import classes from "./Indexes.module.css";
import { IndexList } from "./IndexList";
import { NeuronTable } from "./NeuronTable";
import { NewIndex } from "./NewIndex";

/** The model's indexes, a new one, and all units of the chosen one. */
export default function IndexesView() {
  const modelId = useModelId();
  const params = useParams();
  const models = useModels();
  const missing = isMissing(models.data?.models, modelId);
  const indexes = useIndexes();
  const own = indexes.data?.indexes.filter((one) => one.model_id === modelId) ?? [];
  const usable = own.filter((one) => one.usable);
  const shown = usable.find((one) => one.index_id === params.get("index")) ?? usable[0] ?? null;

  return (
    <div className={classes.columns}>
      <VisuallyHidden component="h1">Indexes of {modelId}</VisuallyHidden>
      <Stack gap="sm" miw={0}>
        <Panel title="Indexes" about={own.length > 0 ? `of ${modelId}` : undefined} flush>
          {indexes.isPending && <Skeleton height={120} mx="sm" w="auto" />}
          {indexes.error && <ErrorNote error={indexes.error} onRetry={() => indexes.refetch()} />}
          {indexes.data && own.length === 0 && (
            <EmptyState icon={<IconDatabase size={24} />} title={`No index of ${modelId} yet`}>
              {missing
                ? "The model is not on this machine. Load it first, then build an index of it."
                : "An index reads a corpus once and keeps, for every neuron, how often and how hard it fires and the exact texts that drive it hardest. Over the bundled model and corpus that takes about ten seconds."}
            </EmptyState>
          )}
          {own.length > 0 && <IndexList indexes={own} shown={shown?.index_id ?? null} />}
        </Panel>
        {shown && <NeuronTable key={shown.index_id} index={shown} />}
        {own.length > 0 && !shown && (
          <Panel title="Neurons">
            <EmptyState icon={<IconDatabaseOff size={24} />} title="None of these indexes fits the model now">
              The list says why. Build a new one to see the model’s neurons.
            </EmptyState>
          </Panel>
        )}
      </Stack>
      {!missing && <NewIndex />}
    </div>
  );
}
