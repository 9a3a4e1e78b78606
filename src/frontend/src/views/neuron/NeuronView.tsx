import { Stack } from "@mantine/core";
import { IconActivity, IconCubeOff } from "@tabler/icons-react";
import { ofNeurons, useIndexes } from "@/api/queries/indexes";
import { useModelCard, useModels } from "@/api/queries/models";
import { useNeuronTop } from "@/api/queries/neurons";
import { EmptyState, ErrorNote } from "@/components/Notice";
import { Panel } from "@/components/Panel";
import { useTokenNeurons } from "@/components/TokenNeurons";
import { parseUnit } from "@/lib/address";
import { isMissing } from "@/lib/models";
import { readInt } from "@/lib/url";
import { useModelId, useParams } from "@/state/address";
import { Contexts } from "./Contexts";
import { IndexBuilder } from "./IndexBuilder";
import { Neighbours } from "./Neighbours";
import classes from "./Neuron.module.css";
import { NeuronHeader } from "./NeuronHeader";
import { Ngrams } from "./Ngrams";
import { TokenTable } from "./TokenTable";
import { TryText } from "./TryText";
import { UnitPicker } from "./UnitPicker";

export const DEFAULT_COUNT = 20;

export default function NeuronView() {
  const params = useParams();
  const unit = parseUnit(params.get("unit"));
  if (unit?.point !== "mlp_act") return <UnitPicker given={params.get("unit")} />;
  return <NeuronPage layer={unit.layer} index={unit.index} />;
}

function NeuronPage({ layer, index }: { layer: number; index: number }) {
  const params = useParams();
  const modelId = useModelId();
  const models = useModels();
  const loaded = models.data?.models.find((one) => one.model_id === modelId)?.loaded ?? false;
  const missing = isMissing(models.data?.models, modelId);
  const card = useModelCard(modelId, loaded);
  const indexes = useIndexes();
  const usable = ofNeurons(indexes.data?.indexes, modelId);
  const asked = params.get("index");
  const indexId = usable.find((one) => one.index_id === asked)?.index_id ?? usable[0]?.index_id ?? null;
  const k = readInt(params, "k", DEFAULT_COUNT, 1, 1000);
  const top = useNeuronTop({ modelId, layer, unit: index, k, indexId }, indexId !== null);
  const tokenNeurons = useTokenNeurons(indexId);

  return (
    <Stack gap="sm">
      <NeuronHeader
        layer={layer}
        index={index}
        layers={card.data?.layers ?? null}
        units={card.data?.d_mlp ?? usable[0]?.units ?? null}
        indexes={usable}
        indexId={indexId}
        top={top.data ?? null}
      />
      <div className={classes.columns}>
        <Stack gap="sm" miw={0}>
          {!missing && (
            <TryText
              layer={layer}
              index={index}
              strongest={top.data?.stats?.max ?? 0}
              onPick={tokenNeurons.pick}
            />
          )}
          {indexId !== null && !missing && params.get("build") && <IndexBuilder />}
          {indexes.error ? (
            <Panel title="Strongest contexts">
              <ErrorNote error={indexes.error} onRetry={() => indexes.refetch()} />
            </Panel>
          ) : missing && indexId === null ? (
            <Panel title="Strongest contexts">
              <EmptyState icon={<IconCubeOff size={24} />} title={`${modelId} is not on this machine`}>
                What drives this neuron can be read once the model is loaded.
              </EmptyState>
            </Panel>
          ) : indexes.data && indexId === null ? (
            <IndexBuilder />
          ) : (
            <Contexts top={top} onPick={tokenNeurons.pick} count={k} />
          )}
        </Stack>
        <Stack gap="sm" miw={0}>
          {indexes.data && indexId === null ? (
            <Panel title="Tokens and n-grams">
              <EmptyState icon={<IconActivity size={24} />} title="They come with the index">
                Which tokens and word sequences drive the neuron is counted over its strongest contexts.
              </EmptyState>
            </Panel>
          ) : (
            <>
              <TokenTable top={top.data ?? null} failed={top.error !== null} onPick={tokenNeurons.pick} />
              <Ngrams top={top.data ?? null} failed={top.error !== null} />
              <Neighbours layer={layer} index={index} indexId={indexId} />
            </>
          )}
        </Stack>
      </div>
      {tokenNeurons.popover}
    </Stack>
  );
}
