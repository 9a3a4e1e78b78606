import { Box, Group, Tooltip } from "@mantine/core";
import { useSystem } from "@/api/queries/system";
import { formatBytes } from "@/lib/format";
import classes from "./Shell.module.css";

/** Memory of the process and of each GPU, live. */
export function MemoryMeters() {
  const { data } = useSystem();
  if (!data) return null;
  const { rss_bytes, available_bytes, total_bytes } = data.memory;
  const others = Math.max(0, total_bytes - available_bytes - rss_bytes);
  return (
    <Group gap="md" wrap="nowrap" visibleFrom="sm">
      <Meter
        label="Memory"
        used={rss_bytes}
        others={others}
        total={total_bytes}
        about={`NeuronScope ${formatBytes(rss_bytes)}, other programs ${formatBytes(others)}, free ${formatBytes(available_bytes)} of ${formatBytes(total_bytes)}. CPU ${Math.round(data.cpu.percent)} % of ${data.cpu.count} cores.${data.ready ? "" : " The libraries that run models are still loading."}`}
      />
      {data.gpus.map((gpu, place) => (
        <Meter
          // biome-ignore lint/suspicious/noArrayIndexKey: GPUs have no other identity than their place
          key={place}
          label={data.gpus.length > 1 ? `GPU ${place}` : "GPU"}
          used={gpu.used_bytes}
          others={0}
          total={gpu.total_bytes}
          about={`${gpu.name}: ${formatBytes(gpu.used_bytes)} of ${formatBytes(gpu.total_bytes)} in use`}
        />
      ))}
    </Group>
  );
}

interface MeterProps {
  label: string;
  used: number;
  others: number;
  total: number;
  about: string;
}

function Meter({ label, used, others, total, about }: MeterProps) {
  const percent = (bytes: number) => `${total > 0 ? (bytes / total) * 100 : 0}%`;
  return (
    <Tooltip label={about} multiline maw={300}>
      <Box
        className={classes.meter}
        role="meter"
        aria-label={`${label} of NeuronScope`}
        aria-valuemin={0}
        aria-valuemax={total}
        aria-valuenow={used}
        aria-valuetext={about}
        tabIndex={0}
      >
        <div>
          <span>{label}</span>
          <span>
            {formatBytes(used)} / {formatBytes(total)}
          </span>
        </div>
        <div className={classes.track}>
          <i style={{ width: percent(used), background: "var(--ns-accent)" }} />
          <i style={{ width: percent(others), background: "var(--mantine-color-dimmed)", opacity: 0.5 }} />
        </div>
      </Box>
    </Tooltip>
  );
}
