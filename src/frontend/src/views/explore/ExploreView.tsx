import { Alert, Button, Group, Stack, Tabs, Text, VisuallyHidden } from "@mantine/core";
import { IconChartBar, IconChartDots3, IconGridDots } from "@tabler/icons-react";
import { Link, useLocation } from "react-router";
import { useTrace } from "@/api/queries/traces";
import type { TraceDetail } from "@/api/types";
import { Banner } from "@/components/Banner";
import { ErrorNote } from "@/components/Notice";
import { Panel } from "@/components/Panel";
import { patchSearch } from "@/lib/url";
import { useModelId, usePatch } from "@/state/address";
import { useSession } from "@/state/session";
import { Columns } from "./Columns";
import { FirstSteps } from "./FirstSteps";
import { HeatmapPanel } from "./HeatmapPanel";
import { LayerStrip } from "./LayerStrip";
import { ShownInstead } from "./Missing";
import { NextTokens } from "./NextTokens";
import { TABS, useOptions } from "./options";
import { PromptPanel } from "./PromptPanel";
import { RecentTraces } from "./RecentTraces";
import { ScatterTab } from "./ScatterTab";
import { StatsChart } from "./StatsChart";
import { StatsPanel } from "./StatsPanel";
import { StrongestUnits } from "./StrongestUnits";
import { useShown } from "./shown";

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
  // A trace that is gone leaves the page as if none had been named, but for a word about it.
  const traceId = trace.error ? null : options.traceId;
  const detail = trace.data ?? null;
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
      {detail && detail.steps > 1 && <OfRun trace={detail} />}
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
        {tab === "scatter" && <ScatterTab head={head} trace={detail} />}
        {tab !== "scatter" && !traceId && (
          <Stack gap="sm">
            {head}
            <Tabs.Panel value={tab}>
              <Stack gap="sm">
                <FirstSteps />
                <RecentTraces />
              </Stack>
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

/** What a run keeps of its steps is drawn in Live; Explore draws tensors that were kept whole. */
function OfRun({ trace }: { trace: TraceDetail }) {
  const { search } = useLocation();
  const setRerun = useSession((session) => session.setRerun);
  return (
    <Banner tone="info" title={`This trace is of a run with ${trace.steps} steps`}>
      <Group justify="space-between" gap="xs">
        <Text size="sm">
          Most runs keep the strongest values of each step, which Live shows. Explore needs whole tensors:
          capture the prompt to see them.
        </Text>
        <Group gap="xs">
          <Button size="compact-sm" variant="default" onClick={() => setRerun(true)}>
            Capture its prompt
          </Button>
          <Button
            component={Link}
            to={{ pathname: "/live", search: patchSearch(search, { tab: null }) }}
            size="compact-sm"
            variant="default"
          >
            Open it in Live
          </Button>
        </Group>
      </Group>
    </Banner>
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
