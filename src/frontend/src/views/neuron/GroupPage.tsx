import { Button, Skeleton, Stack } from "@mantine/core";
import { IconUsersGroup } from "@tabler/icons-react";
import { Link, useLocation } from "react-router";
import { useGroup } from "@/api/queries/groups";
import { useJob } from "@/api/queries/jobs";
import type { Group } from "@/api/types";
import { EmptyState, ErrorNote } from "@/components/Notice";
import { Panel } from "@/components/Panel";
import { useTokenNeurons } from "@/components/TokenNeurons";
import { parseUnit } from "@/lib/address";
import { readTogether } from "@/lib/driving";
import { patchSearch } from "@/lib/url";
import { useModelId, useParams } from "@/state/address";
import { GroupHeader } from "./GroupHeader";
import { IndexBuilder } from "./IndexBuilder";
import { IndexGone } from "./IndexGone";
import { Members } from "./Members";
import { Neighbours } from "./Neighbours";
import classes from "./Neuron.module.css";
import { Ngrams } from "./Ngrams";
import { TogetherPanel } from "./TogetherPanel";
import { TokenTable } from "./TokenTable";
import { useIndexFor } from "./useIndexFor";

/** A saved group as a view of its own: its members, and what drives them together. */
export function GroupPage({ groupId }: { groupId: string }) {
  const modelId = useModelId();
  const answer = useGroup(groupId);
  if (answer.error)
    return (
      <Panel title="Group">
        <ErrorNote error={answer.error} onRetry={() => answer.refetch()} />
      </Panel>
    );
  if (!answer.data) return <Skeleton height={360} />;
  if (answer.data.model_id !== modelId) return <Elsewhere group={answer.data} />;
  return <Shown group={answer.data} />;
}

/** A group of another model: its units are none of this one's. */
function Elsewhere({ group }: { group: Group }) {
  const { search } = useLocation();
  return (
    <Panel title="Group">
      <EmptyState
        icon={<IconUsersGroup size={24} />}
        title={`“${group.name}” is a group of ${group.model_id}`}
        action={
          <Button
            component={Link}
            to={`/neuron${patchSearch(search, { model: group.model_id, index: null })}`}
          >
            Open it on {group.model_id}
          </Button>
        }
      >
        Units of other weights are other units, so it is shown with its own model.
      </EmptyState>
    </Panel>
  );
}

function Shown({ group }: { group: Group }) {
  const params = useParams();
  const points = [...new Set(group.units.map((unit) => parseUnit(unit)?.point ?? ""))];
  const jobId = params.get("togetherJob");
  const job = useJob(jobId);
  const found = readTogether(job.data);
  // What was found stands beside the index that it was found in.
  const cameFrom = found?.index_id ?? group.index_id;
  const { indexes, usable, chosen, indexId, unanswered } = useIndexFor(points, cameFrom);
  const tokenNeurons = useTokenNeurons(indexId, points[0]);
  return (
    <Stack gap="sm">
      <GroupHeader group={group} indexes={usable} indexId={indexId} />
      {unanswered && <IndexGone why={unanswered} chosen={chosen} />}
      <div className={classes.columns}>
        <Stack gap="sm" miw={0}>
          {chosen && params.get("build") && <IndexBuilder points={points} />}
          {indexes.error ? (
            <Panel title="Contexts">
              <ErrorNote error={indexes.error} onRetry={() => indexes.refetch()} />
            </Panel>
          ) : indexes.data && !chosen ? (
            <IndexBuilder points={points} />
          ) : (
            <TogetherPanel group={group} indexId={indexId} job={job} onPick={tokenNeurons.pick} />
          )}
        </Stack>
        <Stack gap="sm" miw={0}>
          <Members group={group} indexId={indexId} />
          {found && (
            <>
              <TokenTable
                stats={found.tokens}
                failed={false}
                about="by the mean z-score at its peaks"
                onPick={tokenNeurons.pick}
              />
              <Ngrams stats={found.ngrams} failed={false} />
            </>
          )}
          {chosen && (
            <Neighbours
              of={{ group_id: group.group_id }}
              units={group.units}
              point={points[0] ?? ""}
              index={chosen}
            />
          )}
        </Stack>
      </div>
      {tokenNeurons.popover}
    </Stack>
  );
}
