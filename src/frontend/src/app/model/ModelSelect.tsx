import {
  ActionIcon,
  Badge,
  Combobox,
  Group,
  InputBase,
  Skeleton,
  Text,
  Tooltip,
  useCombobox,
} from "@mantine/core";
import { IconPlayerEject } from "@tabler/icons-react";
import { useEffect, useState } from "react";
import { useModels, useUnloadModel } from "@/api/queries/models";
import type { ModelEntry } from "@/api/types";
import { ErrorNote } from "@/components/Notice";
import { formatBytes, formatCount } from "@/lib/format";
import { filterModels, looksLikeHubId } from "@/lib/models";
import { useModelId } from "@/state/address";
import { useSession } from "@/state/session";
import { useChooseModel } from "./useChooseModel";

const SOURCE_WORDS: Record<ModelEntry["source"], string> = {
  bundled: "bundled",
  cache: "on disk",
  local: "local",
  hub: "download",
};

/** The model dropdown: what is there, where it comes from, how large it is, what is loaded. */
export function ModelSelect() {
  const modelId = useModelId();
  const models = useModels();
  const unload = useUnloadModel();
  const setRerun = useSession((session) => session.setRerun);
  const choose = useChooseModel();
  const [search, setSearch] = useState("");
  const combobox = useCombobox({
    onDropdownOpen: () => {
      models.refetch();
      combobox.focusSearchInput();
    },
    onDropdownClose: () => {
      setSearch("");
      combobox.resetSelectedOption();
      combobox.focusTarget();
    },
  });
  const entries = models.data?.models ?? [];
  const current = entries.find((one) => one.model_id === modelId);
  const shown = filterModels(entries, search);
  const typed = search.trim();
  // Not before the list is there: what is typed may well stand in it.
  const offerTyped =
    models.data !== undefined && looksLikeHubId(typed) && !entries.some((one) => one.model_id === typed);

  // Enter takes what is marked; so while one types, the first that still fits is.
  const offered = [...shown.map((one) => one.model_id), offerTyped ? typed : ""].join("\n");
  const { selectFirstOption } = combobox;
  // biome-ignore lint/correctness/useExhaustiveDependencies: marked anew when the list on the page is another
  useEffect(() => {
    if (typed !== "") selectFirstOption();
  }, [typed, offered, selectFirstOption]);

  return (
    <Group gap={4} wrap="nowrap" style={{ minWidth: 0 }}>
      <Combobox
        store={combobox}
        withinPortal={false}
        width={460}
        position="bottom-start"
        shadow="md"
        onOptionSubmit={(value) => {
          choose(
            value,
            entries.find((one) => one.model_id === value),
          );
          combobox.closeDropdown();
        }}
      >
        <Combobox.Target targetType="button" withExpandedAttribute>
          <InputBase
            component="button"
            type="button"
            role="combobox"
            size="xs"
            pointer
            w={250}
            aria-label="Model"
            rightSection={<Combobox.Chevron />}
            rightSectionPointerEvents="none"
            onClick={() => combobox.toggleDropdown()}
          >
            <Group gap={6} wrap="nowrap">
              <LoadedDot loaded={current?.loaded ?? false} />
              <Text size="xs" truncate fw={500}>
                {modelId}
              </Text>
            </Group>
          </InputBase>
        </Combobox.Target>
        <Combobox.Dropdown>
          <Combobox.Search
            value={search}
            onChange={(event) => {
              setSearch(event.currentTarget.value);
              combobox.resetSelectedOption();
            }}
            placeholder="Search, or type an id of the hub"
            aria-label="Search models"
          />
          {models.isPending && <Skeleton height={120} m="xs" w="auto" />}
          {models.error && <ErrorNote error={models.error} onRetry={() => models.refetch()} />}
          {models.data && shown.length === 0 && !offerTyped && (
            <Combobox.Empty>No model of that name. An id of the hub looks like “owner/name”.</Combobox.Empty>
          )}
          <Combobox.Options
            aria-label="Models"
            mah={420}
            style={{ overflowY: "auto" }}
            hidden={shown.length === 0 && !offerTyped}
          >
            {shown.map((entry) => (
              <Combobox.Option
                key={entry.model_id}
                value={entry.model_id}
                active={entry.model_id === modelId}
                disabled={!entry.loadable && !entry.loaded}
              >
                <ModelRow entry={entry} />
              </Combobox.Option>
            ))}
            {offerTyped && (
              <Combobox.Option value={typed}>
                <Text size="sm">
                  Load <b>{typed}</b> from the hub
                </Text>
              </Combobox.Option>
            )}
          </Combobox.Options>
        </Combobox.Dropdown>
      </Combobox>
      {current?.loaded && (
        <Tooltip label="Unload the model and free its memory">
          <ActionIcon
            variant="subtle"
            color="gray"
            aria-label={`Unload ${modelId}`}
            loading={unload.isPending}
            onClick={() => {
              setRerun(false);
              unload.mutate(modelId);
            }}
          >
            <IconPlayerEject size={17} />
          </ActionIcon>
        </Tooltip>
      )}
    </Group>
  );
}

function LoadedDot({ loaded }: { loaded: boolean }) {
  return (
    <span
      style={{
        display: "inline-block",
        width: 8,
        height: 8,
        flex: "none",
        borderRadius: "50%",
        background: loaded ? "var(--ns-accent)" : "transparent",
        border: `1.5px solid ${loaded ? "var(--ns-accent)" : "var(--mantine-color-dimmed)"}`,
      }}
      role="img"
      aria-label={loaded ? "loaded" : "not loaded"}
    />
  );
}

function ModelRow({ entry }: { entry: ModelEntry }) {
  const facts = [
    entry.family,
    entry.parameters === null ? "" : `${formatCount(entry.parameters)} parameters`,
    entry.estimated_bytes === null ? "" : formatBytes(entry.estimated_bytes),
    entry.quantization === "none" ? "" : entry.quantization,
  ].filter((fact) => fact !== "");
  return (
    <Group gap="xs" wrap="nowrap" align="flex-start">
      <span style={{ paddingTop: 2, flex: "none" }}>
        <LoadedDot loaded={entry.loaded} />
      </span>
      <div style={{ flex: 1, minWidth: 0 }}>
        <Text size="sm" fw={500} truncate>
          {entry.model_id}
        </Text>
        <Text size="xs" c="dimmed">
          {facts.join(" · ")}
        </Text>
        {entry.note !== "" && (
          <Text size="xs" c="dimmed">
            {entry.note}
          </Text>
        )}
      </div>
      {entry.gated && (
        <Badge size="xs" variant="outline" color="gray">
          licence
        </Badge>
      )}
      <Badge size="xs" variant="default" tt="none" fw={500}>
        {SOURCE_WORDS[entry.source]}
      </Badge>
    </Group>
  );
}
