import { Box, Group, Popover, Text, Tooltip, UnstyledButton } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { useModels } from "@/api/queries/models";
import { useSystem } from "@/api/queries/system";
import type { ModelEntry, System } from "@/api/types";
import { formatBytes } from "@/lib/format";
import { LoadedModels } from "./LoadedModels";
import classes from "./Shell.module.css";

/** Memory of the process and of each GPU, live; pressed, they list the models that take it. */
export function MemoryMeters() {
  const { data } = useSystem();
  const models = useModels();
  const [opened, menu] = useDisclosure(false);
  if (!data) return null;
  const loaded = models.data?.models.filter((one) => one.loaded && one.source !== "chat") ?? [];
  const count = `${loaded.length} ${loaded.length === 1 ? "model" : "models"} in memory`;
  return (
    <Popover opened={opened} onChange={menu.toggle} position="bottom-end" width={340} shadow="md" trapFocus>
      <Group gap="md" wrap="nowrap" visibleFrom="sm" className={classes.meters}>
        <ProcessMeter system={data} models={loaded} />
        {data.gpus.map((gpu, place) => (
          <Meter
            // biome-ignore lint/suspicious/noArrayIndexKey: GPUs have no other identity than their place
            key={place}
            label={data.gpus.length > 1 ? `GPU ${place}` : "GPU"}
            used={gpu.used_bytes}
            total={gpu.total_bytes}
            parts={[{ bytes: gpu.used_bytes, colour: "var(--ns-accent)" }]}
            about={`${gpu.name}: ${formatBytes(gpu.used_bytes)} of ${formatBytes(gpu.total_bytes)} in use`}
          />
        ))}
        <Popover.Target>
          {/* Over the meters, not around them: what is inside a button has no role of its own. */}
          <Tooltip label={`${count}. Press to see and unload.`} disabled={opened}>
            <UnstyledButton className={classes.cover} aria-label={count} onClick={menu.toggle} />
          </Tooltip>
        </Popover.Target>
      </Group>
      <Popover.Dropdown aria-label="Models in memory">
        <Text fw={600} size="sm" mb={8}>
          Models in memory
        </Text>
        <LoadedModels models={loaded} onLeave={menu.close} />
        <Facts system={data} />
      </Popover.Dropdown>
    </Popover>
  );
}

/** Weights on the processor are a share of the process's memory; those on a card are not. */
const inProcess = (models: readonly ModelEntry[]) =>
  models.reduce(
    (sum, { loaded_as: as }) => sum + (as && !as.device.startsWith("cuda") ? as.weight_bytes : 0),
    0,
  );

function ProcessMeter({ system, models }: { system: System; models: readonly ModelEntry[] }) {
  const { rss_bytes, available_bytes, total_bytes } = system.memory;
  const weights = Math.min(rss_bytes, inProcess(models));
  const others = Math.max(0, total_bytes - available_bytes - rss_bytes);
  return (
    <Meter
      label="Memory"
      used={rss_bytes}
      total={total_bytes}
      parts={[
        { bytes: weights, colour: "var(--ns-accent)" },
        { bytes: rss_bytes - weights, colour: "var(--ns-accent-dim)" },
        { bytes: others, colour: "var(--ns-others)" },
      ]}
      about={`NeuronScope ${formatBytes(rss_bytes)}, other programs ${formatBytes(others)}, free ${formatBytes(available_bytes)} of ${formatBytes(total_bytes)}.`}
    />
  );
}

function Facts({ system }: { system: System }) {
  const { rss_bytes, available_bytes, total_bytes } = system.memory;
  const others = Math.max(0, total_bytes - available_bytes - rss_bytes);
  const facts = [
    ["NeuronScope", formatBytes(rss_bytes)],
    ["other programs", formatBytes(others)],
    ["free", `${formatBytes(available_bytes)} of ${formatBytes(total_bytes)}`],
    ...system.gpus.map((gpu, at) => [
      system.gpus.length > 1 ? `GPU ${at}, ${gpu.name}` : gpu.name,
      `${formatBytes(gpu.free_bytes)} free of ${formatBytes(gpu.total_bytes)}`,
    ]),
    ["processor", `${Math.round(system.cpu.percent)} % of ${system.cpu.count} cores`],
  ];
  return (
    <dl className={classes.facts}>
      {facts.map(([word, fact]) => (
        <div key={word}>
          <dt>{word}</dt>
          <dd>{fact}</dd>
        </div>
      ))}
      {!system.ready && <div>The libraries that run models are still loading.</div>}
    </dl>
  );
}

interface MeterProps {
  label: string;
  used: number;
  total: number;
  parts: readonly { bytes: number; colour: string }[];
  about: string;
}

function Meter({ label, used, total, parts, about }: MeterProps) {
  return (
    <Box
      className={classes.meter}
      role="meter"
      aria-label={`${label} of NeuronScope`}
      aria-valuemin={0}
      aria-valuemax={total}
      aria-valuenow={used}
      aria-valuetext={about}
    >
      <div>
        <span>{label}</span>
        <span>
          {formatBytes(used)}
          <span className={classes.total}> / {formatBytes(total)}</span>
        </span>
      </div>
      <div className={classes.track}>
        {parts.map(({ bytes, colour }) => (
          <i
            key={colour}
            style={{ width: `${total > 0 ? (bytes / total) * 100 : 0}%`, background: colour }}
          />
        ))}
      </div>
    </Box>
  );
}
