import { Alert, Button, Group, Skeleton, Stack, Tabs, VisuallyHidden } from "@mantine/core";
import { IconChartBar, IconChartDots3, IconGridDots } from "@tabler/icons-react";
import { useTrace } from "@/api/queries/traces";
import type { TraceDetail } from "@/api/types";
import { ErrorNote } from "@/components/Notice";
import { Panel } from "@/components/Panel";
import { useModelId, usePatch } from "@/state/address";
import { useSession } from "@/state/session";
import { Columns } from "./Columns";
import { FirstSteps } from "./FirstSteps";
import { HeatmapPanel } from "./HeatmapPanel";
import { LayerStrip } from "./LayerStrip";
import { ShownInstead } from "./Missing";
import { NextTokens } from "./NextTokens";
import { KeptInSteps, OfRun } from "./OfRun";
import { TABS, useOptions } from "./options";
import { PromptPanel } from "./PromptPanel";
import { RecentTraces } from "./RecentTraces";
import { ScatterTab } from "./ScatterTab";
import { StatsChart } from "./StatsChart";
import { StatsPanel } from "./StatsPanel";
import { StrongestUnits } from "./StrongestUnits";
import { useShown } from "./shown";
import { useKept } from "./useKept";

const TAB_LABELS = {
  heatmap: { label: "Heatmap", icon: IconGridDots },
  scatter: { label: "Scatter", icon: IconChartDots3 },
  layers: { label: "Layers", icon: IconChartBar },
};

export default function ExploreView() {
  const options = useOptions();
  const { tab } = options;
  const patch = usePatch();
  const trace = useTrace(options.traceId);
  const detail = trace.data ?? null;
  const kept = useKept(detail);
  // A trace that is gone leaves the page as if none had been named, but for a word about it.
  const traceId = trace.error || kept !== "whole" ? null : options.traceId;
  const shown = useShown();
  const head = (
    <>
      {traceId && detail && shown && <ShownInstead trace={detail} shown={shown} />}
      {traceId && tab !== "scatter" && <LayerStrip traceId={traceId} />}
      <Tabs.List aria-label="Pictures of the activations">
        {TABS.map((name) => {
          const { label, icon: Icon } = TAB_LABELS[name];
          return (
            <Tabs.Tab key={name} value={name} leftSection={<Icon size={15} aria-hidden />}>
              {label}
            </Tabs.Tab>
          );
        })}
      </Tabs.List>
    </>
  );
  return (
    <Stack gap="sm">
      <VisuallyHidden component="h1">Explore</VisuallyHidden>
      <PromptPanel trace={detail} />
      {detail && <OtherModel trace={detail} />}
      {detail && kept === "whole" && detail.steps > 1 && <OfRun trace={detail} />}
      {trace.error && (
        <Panel title="Trace">
          <ErrorNote error={trace.error} onRetry={() => trace.refetch()} />
        </Panel>
      )}
      <Tabs
        value={tab}
        onChange={(next) => patch({ tab: next === "heatmap" ? null : next }, { push: true })}
        keepMounted={false}
      >
        {tab === "scatter" && <ScatterTab head={head} trace={kept === "whole" ? detail : null} />}
        {tab !== "scatter" && !traceId && (
          <Stack gap="sm">
            {head}
            <Tabs.Panel value={tab}>
              {detail && kept === "steps" ? (
                <KeptInSteps trace={detail} />
              ) : kept === "unknown" ? (
                <Skeleton height={420} />
              ) : (
                <Stack gap="sm">
                  <FirstSteps />
                  <RecentTraces />
                </Stack>
              )}
            </Tabs.Panel>
          </Stack>
        )}
        {tab === "heatmap" && traceId && (
          <Columns
            head={head}
            aside={
              <>
                <NextTokens trace={detail} />
                <StrongestUnits traceId={traceId} />
              </>
            }
          >
            <HeatmapPanel traceId={traceId} trace={detail} />
          </Columns>
        )}
        {tab === "layers" && traceId && (
          <Columns
            head={head}
            aside={
              <>
                <NextTokens trace={detail} />
                <StatsChart traceId={traceId} />
              </>
            }
          >
            <StatsPanel traceId={traceId} />
          </Columns>
        )}
      </Tabs>
    </Stack>
  );
}

/** A trace shows the model that made it, whatever the selector says: then say so, and offer both ways on. */
function OtherModel({ trace }: { trace: TraceDetail }) {
  const modelId = useModelId();
  const patch = usePatch();
  const setRerun = useSession((session) => session.setRerun);
  if (trace.model_id === modelId) return null;
  return (
    <Alert variant="light" color="yellow" title={`This trace was recorded on ${trace.model_id}`}>
      <Group gap="xs">
        <Button
          size="compact-sm"
          variant="default"
          onClick={() => patch({ model: trace.model_id }, { push: true })}
        >
          Switch to that model
        </Button>
        <Button size="compact-sm" variant="default" onClick={() => setRerun(true)}>
          Run the prompt on {modelId}
        </Button>
      </Group>
    </Alert>
  );
}
