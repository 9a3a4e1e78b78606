import { ActionIcon, Group, Tooltip, useMantineColorScheme } from "@mantine/core";
import { IconHelp, IconInfoCircle, IconMoon, IconSettings, IconSun } from "@tabler/icons-react";
import { Link } from "react-router";
import { useModels } from "@/api/queries/models";
import { useThemeName } from "@/components/useThemeName";
import { patchSearch } from "@/lib/url";
import { useModelId, usePatch } from "@/state/address";
import { JobsMenu } from "./JobsMenu";
import { Mark } from "./Mark";
import { MemoryMeters } from "./MemoryMeters";
import { LoadDialog } from "./model/load/LoadDialog";
import { ModelCardModal } from "./model/ModelCardModal";
import { ModelSelect } from "./model/ModelSelect";
import { ParityBadge } from "./model/ParityBadge";
import classes from "./Shell.module.css";

export function TopBar({ onHelp }: { onHelp: () => void }) {
  const modelId = useModelId();
  const patch = usePatch();
  const models = useModels();
  const entry = models.data?.models.find((one) => one.model_id === modelId);
  const loadedAs = entry?.loaded_as;
  // A chat server's model has neither ways to be loaded nor a card.
  const local = entry?.source !== "chat";
  const themeName = useThemeName();
  const { setColorScheme } = useMantineColorScheme();
  const other = themeName === "dark" ? "light" : "dark";
  return (
    <div className={classes.bar}>
      <Link
        to={{ pathname: "/", search: patchSearch("", { model: modelId }) }}
        className={classes.brand}
        aria-label="NeuronScope, to the start"
      >
        <Mark />
        NeuronScope
      </Link>
      <Group gap={4} wrap="nowrap" ml="xs" style={{ flex: 1, minWidth: 0 }}>
        <ModelSelect />
        {loadedAs && <ParityBadge loadedAs={loadedAs} onOpen={() => patch({ card: "truth" })} />}
        {local && (
          <>
            <Tooltip label="Load options">
              <ActionIcon
                variant="subtle"
                color="gray"
                aria-label="Load options"
                onClick={() => patch({ load: modelId })}
              >
                <IconSettings size={18} />
              </ActionIcon>
            </Tooltip>
            <Tooltip label="Model card">
              <ActionIcon
                variant="subtle"
                color="gray"
                aria-label="Model card"
                onClick={() => patch({ card: "overview" })}
              >
                <IconInfoCircle size={18} />
              </ActionIcon>
            </Tooltip>
          </>
        )}
      </Group>
      <MemoryMeters />
      <Group gap={2} wrap="nowrap">
        <JobsMenu />
        <Tooltip label={`Switch to the ${other} theme`}>
          <ActionIcon
            variant="subtle"
            color="gray"
            aria-label={`Switch to the ${other} theme`}
            onClick={() => setColorScheme(other)}
          >
            {themeName === "dark" ? <IconSun size={18} /> : <IconMoon size={18} />}
          </ActionIcon>
        </Tooltip>
        <Tooltip label="Help and keys">
          <ActionIcon variant="subtle" color="gray" aria-label="Help and keys" onClick={onHelp}>
            <IconHelp size={18} />
          </ActionIcon>
        </Tooltip>
      </Group>
      <ModelCardModal modelId={modelId} />
      <LoadDialog />
    </div>
  );
}
