import { Text } from "@mantine/core";
import type { Estimate } from "@/api/types";
import { formatBytes, formatCount } from "@/lib/format";
import { precisionWord } from "@/lib/precision";
import classes from "./Estimate.module.css";

/** What a load takes against what is free, by part. The words under the bar say the same as the bar. */
export function EstimateBar({ estimate }: { estimate: Estimate }) {
  const { free_bytes, device, chosen, fits } = estimate;
  const [weights, cache, capture] = [
    estimate.weights_bytes ?? 0,
    estimate.cache_bytes ?? 0,
    estimate.capture_bytes ?? 0,
  ];
  const bytes = estimate.bytes ?? 0;
  const parts = [
    { word: "weights", bytes: weights, colour: "var(--ns-accent)" },
    { word: "cache", bytes: cache, colour: "var(--mantine-color-blue-5)" },
    { word: "capture", bytes: capture, colour: "var(--mantine-color-grape-5)" },
  ];
  const named = weights + cache + capture;
  // Reading the weights can take more than running does: then the peak is what must fit.
  const working = Math.max(0, bytes - named);
  const scale = Math.max(free_bytes, named + working, 1);
  const share = (count: number) => `${(count / scale) * 100}%`;
  if (chosen === null)
    return (
      <Text size="sm" c="dimmed">
        Its size is not known before it is fetched; {formatBytes(free_bytes)} are free on {device}. It is
        weighed again before its weights are read.
      </Text>
    );
  return (
    <div>
      <Text size="sm" mb={6} c={fits !== false ? undefined : "var(--mantine-color-error)"}>
        <b>{formatBytes(bytes)}</b> in {precisionWord(chosen)} of {formatBytes(free_bytes)} free on {device},
        for {formatCount(estimate.context)} tokens of context
      </Text>
      <div className={classes.track} aria-hidden>
        {parts.map(({ word, bytes: part, colour }) => (
          <i key={word} style={{ width: share(part), background: colour }} />
        ))}
        <i style={{ width: share(working), background: "var(--mantine-color-dimmed)" }} />
        {scale > free_bytes && <span className={classes.beyond} style={{ left: share(free_bytes) }} />}
      </div>
      <ul className={classes.legend}>
        {parts.map(({ word, bytes: part, colour }) => (
          <li key={word}>
            <span className={classes.swatch} style={{ background: colour }} aria-hidden />
            {word} {formatBytes(part)}
          </li>
        ))}
        {working > bytes / 50 && (
          <li>
            <span
              className={classes.swatch}
              style={{ background: "var(--mantine-color-dimmed)" }}
              aria-hidden
            />
            while loading {formatBytes(working)} more
          </li>
        )}
      </ul>
    </div>
  );
}
