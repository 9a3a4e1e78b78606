import { Group, Text } from "@mantine/core";
import { IconSettings } from "@tabler/icons-react";
import type { ModelEntry } from "@/api/types";
import { formatBytes, formatCount } from "@/lib/format";
import { chosenNeed, loadedWord, precisionWord } from "@/lib/precision";
import classes from "./ModelSelect.module.css";

const SOURCE_WORDS: Record<ModelEntry["source"], string> = {
  bundled: "bundled",
  cache: "hub cache",
  local: "local folder",
  hub: "download",
  chat: "chat server",
};

interface RowProps {
  entry: ModelEntry;
  /** Called before the row's own click, which then opens the options instead of loading. */
  onOptions: () => void;
}

/** One model of the list: what it is, where it lies, what it takes and whether that fits. */
export function ModelRow({ entry, onOptions }: RowProps) {
  const facts = [
    entry.family === "unknown" ? "" : entry.family,
    entry.parameters === null ? "" : `${formatCount(entry.parameters)} parameters`,
    entry.category === "unknown" ? "" : entry.category,
    entry.context_length === null ? "" : `${formatCount(entry.context_length)} context`,
    entry.stored_bytes === null ? "" : `${formatBytes(entry.stored_bytes)} on disk`,
  ].filter((fact) => fact !== "");
  const usable = entry.loadable || entry.loaded;
  return (
    <div className={classes.row}>
      <span style={{ paddingTop: 5 }}>
        <LoadedDot loaded={entry.loaded} />
      </span>
      <div style={{ minWidth: 0 }}>
        <Group gap={6} wrap="nowrap">
          <Text size="sm" fw={500} truncate title={entry.model_id}>
            {entry.model_id}
          </Text>
          <Mark text={SOURCE_WORDS[entry.source]} />
          {entry.format === "gguf" && <Mark text="GGUF" />}
          {entry.gated && <Mark text="licence" title="Its owner first grants access on the hub" />}
        </Group>
        {facts.length > 0 && (
          <Text size="xs" c="dimmed">
            {facts.join(" · ")}
          </Text>
        )}
        {entry.note !== "" && (
          <Text size="xs" c={usable ? "dimmed" : "var(--mantine-color-error)"}>
            {entry.note}
          </Text>
        )}
      </div>
      {usable && entry.source !== "chat" ? <NeedOf entry={entry} /> : <span />}
      {entry.loadable && <Gear onOptions={onOptions} />}
    </div>
  );
}

/** What a typed id offers: nothing is known of it before it is fetched. */
export function TypedRow({ modelId, onOptions }: { modelId: string; onOptions: () => void }) {
  return (
    <div className={classes.row} style={{ alignItems: "center" }}>
      <span />
      <Text size="sm">
        Load <b>{modelId}</b> from the hub
      </Text>
      <span />
      <Gear onOptions={onOptions} />
    </div>
  );
}

function NeedOf({ entry }: { entry: ModelEntry }) {
  if (entry.loaded_as)
    return (
      <div className={classes.need}>
        {formatBytes(entry.loaded_as.weight_bytes)}
        <small>in memory, {loadedWord(entry.loaded_as)}</small>
      </div>
    );
  const need = chosenNeed(entry);
  if (need === null) return <div className={classes.need}>{formatBytes(entry.estimated_bytes)}</div>;
  if (!need.fits) {
    const least = entry.needs.reduce((best, one) => (one.bytes < best.bytes ? one : best), need);
    return (
      <div className={classes.need}>
        {formatBytes(least.bytes)}
        <small data-fits="no">too large now, even in {precisionWord(least.precision)}</small>
      </div>
    );
  }
  return (
    <div className={classes.need}>
      {formatBytes(need.bytes)}
      <small>fits in {precisionWord(need.precision)}</small>
    </div>
  );
}

function Gear({ onOptions }: { onOptions: () => void }) {
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: an option may hold no button; Shift+Enter does the same
    // biome-ignore lint/a11y/useKeyWithClickEvents: see above
    <span className={classes.gear} title="Choose how it is loaded" onClick={onOptions}>
      <IconSettings size={16} aria-hidden />
    </span>
  );
}

const Mark = ({ text, title }: { text: string; title?: string }) => (
  <span className={classes.mark} title={title}>
    {text}
  </span>
);

export function LoadedDot({ loaded }: { loaded: boolean }) {
  return (
    <span
      className={classes.dot}
      data-loaded={loaded || undefined}
      role="img"
      aria-label={loaded ? "loaded" : "not loaded"}
    />
  );
}
