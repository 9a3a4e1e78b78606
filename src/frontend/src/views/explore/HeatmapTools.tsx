import { ActionIcon, Button, Group, Menu, NativeSelect, Popover, Stack, Switch } from "@mantine/core";
import { IconAdjustments, IconDownload } from "@tabler/icons-react";
import type { RefObject } from "react";
import { exportHref } from "@/api/queries/traces";
import type { Heatmap, TraceDetail } from "@/api/types";
import { saveImage } from "@/components/plot/save";
import { toCsv } from "@/lib/csv";
import { downloadText, fileName } from "@/lib/download";
import { usePatch } from "@/state/address";
import { BY_LABELS, CLIPS, DEFAULT_CLIP, HEATMAP_BY, TOPS, useOptions } from "./options";

interface ToolsProps {
  heatmap: Heatmap | null;
  trace: TraceDetail | null;
  graph: RefObject<HTMLElement | null>;
}

export function HeatmapTools({ heatmap, trace, graph }: ToolsProps) {
  const { top, by, log, clip } = useOptions();
  const patch = usePatch();
  const tops = TOPS.some((one) => one === top) ? TOPS : [...TOPS, top].sort((a, b) => a - b);
  return (
    <Group gap="xs" wrap="nowrap">
      <NativeSelect
        size="xs"
        aria-label="How many"
        value={String(top)}
        data={tops.map((count) => ({ value: String(count), label: `top ${count}` }))}
        onChange={(event) =>
          patch({ top: event.currentTarget.value === "50" ? null : event.currentTarget.value })
        }
      />
      <NativeSelect
        size="xs"
        aria-label="Ranked by"
        value={by}
        data={HEATMAP_BY.map((name) => ({ value: name, label: `by ${BY_LABELS[name]}` }))}
        onChange={(event) =>
          patch({ by: event.currentTarget.value === "max" ? null : event.currentTarget.value })
        }
      />
      <Popover position="bottom-end" shadow="md" withinPortal trapFocus>
        <Popover.Target>
          <ActionIcon
            variant={log || String(clip) !== DEFAULT_CLIP ? "light" : "default"}
            size="md"
            aria-label="Colour scale"
          >
            <IconAdjustments size={16} />
          </ActionIcon>
        </Popover.Target>
        <Popover.Dropdown aria-label="Colour scale">
          <Stack gap="xs">
            <Switch
              size="xs"
              label="Logarithmic"
              checked={log}
              onChange={(event) => patch({ log: event.currentTarget.checked })}
            />
            <NativeSelect
              size="xs"
              label="Full colour at"
              value={String(clip)}
              data={CLIPS.map((name) => ({
                value: name,
                label: name === "100" ? "the largest value" : `percentile ${name}`,
              }))}
              onChange={(event) =>
                patch({ clip: event.currentTarget.value === DEFAULT_CLIP ? null : event.currentTarget.value })
              }
            />
          </Stack>
        </Popover.Dropdown>
      </Popover>
      <ExportMenu heatmap={heatmap} trace={trace} graph={graph} />
    </Group>
  );
}

function ExportMenu({ heatmap, trace, graph }: ToolsProps) {
  const name = fileName("heatmap", heatmap?.address ?? "", trace?.trace_id ?? "");
  const saveCsv = () => {
    if (!heatmap) return;
    const head = ["unit", ...heatmap.tokens.map((token) => token.text)];
    const rows = heatmap.values.map((values, at) => [`${heatmap.address}:${heatmap.units[at]}`, ...values]);
    downloadText(`${name}.csv`, "text/csv;charset=utf-8", toCsv([head, ...rows]));
  };
  return (
    <Menu position="bottom-end" shadow="md" withinPortal>
      <Menu.Target>
        <Button
          size="xs"
          variant="default"
          leftSection={<IconDownload size={14} aria-hidden />}
          disabled={!heatmap}
        >
          Export
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>This heatmap</Menu.Label>
        <Menu.Item onClick={() => saveImage(graph.current, "png", name)}>PNG image</Menu.Item>
        <Menu.Item onClick={() => saveImage(graph.current, "svg", name)}>SVG image</Menu.Item>
        <Menu.Item onClick={saveCsv}>CSV table</Menu.Item>
        {trace && (
          <>
            <Menu.Label>The whole trace</Menu.Label>
            <Menu.Item component="a" href={exportHref(trace.trace_id, "npz")} download>
              NumPy arrays (npz)
            </Menu.Item>
            <Menu.Item component="a" href={exportHref(trace.trace_id, "json")} download>
              JSON
            </Menu.Item>
            <Menu.Item component="a" href={exportHref(trace.trace_id, "trace")} download>
              Trace file
            </Menu.Item>
          </>
        )}
      </Menu.Dropdown>
    </Menu>
  );
}
