import { Stack } from "@mantine/core";
import { IconActivity, IconCubeOff } from "@tabler/icons-react";
import { ApiError } from "@/api/client";
import { useModelCard, useModels } from "@/api/queries/models";
import { useNeuronTop } from "@/api/queries/neurons";
import { EmptyState, ErrorNote } from "@/components/Notice";
import { Panel } from "@/components/Panel";
import { useTokenNeurons } from "@/components/TokenNeurons";
import { formatUnit, type Unit } from "@/lib/address";
import { isMissing } from "@/lib/models";
import { NEURONS, noSuchUnit, unitCount } from "@/lib/points";
import { useModelId, useParams } from "@/state/address";
import { ActivationPanel } from "./ActivationPanel";
import { Compared } from "./Compared";
import { Contexts } from "./Contexts";
import { readContexts } from "./contextOptions";
import { IndexBuilder } from "./IndexBuilder";
import { IndexGone } from "./IndexGone";
import { Neighbours } from "./Neighbours";
import classes from "./Neuron.module.css";
import { NeuronHeader } from "./NeuronHeader";
import { Ngrams } from "./Ngrams";
import { TokenTable } from "./TokenTable";
import { TryText } from "./TryText";
import { useIndexFor } from "./useIndexFor";
import { WritesPanel } from "./WritesPanel";

/** What one unit does: what drives it, what it writes, what goes with it. */
export function UnitPage({ unit }: { unit: Unit }) {
  const params = useParams();
  const modelId = useModelId();
  const name = formatUnit(unit);
  const models = useModels();
  const loaded = models.data?.models.find((one) => one.model_id === modelId)?.loaded ?? false;
  const missing = isMissing(models.data?.models, modelId);
  const card = useModelCard(modelId, loaded);
  const { indexes, usable, chosen, indexId, unanswered } = useIndexFor([unit.point]);
  const asked = { modelId, unit: name, indexId };
  const options = readContexts(params);
  const wrong = noSuchUnit(card.data, unit);
  // Before the model is loaded, only the server knows which points there are.
  const unsure = indexes.isSuccess && models.isSuccess && !loaded && !missing && unit.point !== NEURONS;
  const top = useNeuronTop(asked, options, (indexId !== null || unsure) && wrong === null);
  const refused = top.error instanceof ApiError && top.error.code === "bad_address";
  const tokenNeurons = useTokenNeurons(indexId, unit.point);
  const building = params.get("build") !== null && !missing;

  const header = (
    <NeuronHeader
      unit={unit}
      layers={card.data?.layers ?? null}
      units={unitCount(card.data, unit.point)}
      indexes={wrong === null ? usable : []}
      indexId={indexId}
    />
  );
  if (wrong !== null)
    return (
      <Stack gap="sm">
        {header}
        <Panel title="No such unit">
          <EmptyState icon={<IconActivity size={24} />} title={`${modelId} has no ${name}`}>
            {wrong}
          </EmptyState>
        </Panel>
      </Stack>
    );

  return (
    <Stack gap="sm">
      {header}
      {unanswered && <IndexGone why={unanswered} chosen={chosen} />}
      <div className={classes.columns}>
        <Stack gap="sm" miw={0}>
          {!missing && (
            <TryText unit={unit} strongest={top.data?.stats?.max ?? 0} onPick={tokenNeurons.pick} />
          )}
          {indexId !== null && building && <IndexBuilder points={[unit.point]} />}
          {indexes.error ? (
            <Panel title="Contexts">
              <ErrorNote error={indexes.error} onRetry={() => indexes.refetch()} />
            </Panel>
          ) : missing && indexId === null ? (
            <Panel title="Contexts">
              <EmptyState icon={<IconCubeOff size={24} />} title={`${modelId} is not on this machine`}>
                What drives this unit can be read once the model is loaded.
              </EmptyState>
            </Panel>
          ) : indexes.data && indexId === null && !refused ? (
            <IndexBuilder points={[unit.point]} />
          ) : (
            <Contexts asked={asked} top={top} onPick={tokenNeurons.pick} />
          )}
          {chosen && <Compared key={name} unit={name} chosen={chosen} all={indexes.data?.indexes ?? []} />}
        </Stack>
        <Stack gap="sm" miw={0}>
          {refused ? null : indexes.data && indexId === null ? (
            <Panel title="Tokens and n-grams">
              <EmptyState icon={<IconActivity size={24} />} title="They come with the index">
                Which tokens and word sequences drive the unit is counted over its strongest contexts.
              </EmptyState>
            </Panel>
          ) : (
            <>
              <ActivationPanel asked={asked} top={top} />
              <TokenTable stats={top.data?.tokens} failed={top.error !== null} onPick={tokenNeurons.pick} />
              <Ngrams stats={top.data?.ngrams} failed={top.error !== null} />
            </>
          )}
          {!missing && <WritesPanel key={name} unit={unit} loaded={loaded} />}
          {chosen && (
            <Neighbours
              key={`near ${name}`}
              of={{ unit: name }}
              units={[name]}
              point={unit.point}
              index={chosen}
            />
          )}
        </Stack>
      </div>
      {tokenNeurons.popover}
    </Stack>
  );
}
