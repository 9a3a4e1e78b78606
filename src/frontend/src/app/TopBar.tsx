import { ActionIcon, Group, Tooltip, useMantineColorScheme } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { IconHelp, IconInfoCircle, IconMoon, IconSun } from "@tabler/icons-react";
import { Link } from "react-router";
import { useThemeName } from "@/components/useThemeName";
import { patchSearch } from "@/lib/url";
import { useModelId } from "@/state/address";
import { JobsMenu } from "./JobsMenu";
import { Mark } from "./Mark";
import { MemoryMeters } from "./MemoryMeters";
import { ModelCardModal } from "./model/ModelCardModal";
import { ModelSelect } from "./model/ModelSelect";
import classes from "./Shell.module.css";

export function TopBar({ onHelp }: { onHelp: () => void }) {
  const modelId = useModelId();
  const themeName = useThemeName();
  const { setColorScheme } = useMantineColorScheme();
  const [cardOpen, card] = useDisclosure(false);
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
      <Group gap={6} wrap="nowrap" ml="xs" style={{ flex: 1, minWidth: 0 }}>
        <ModelSelect />
        <Tooltip label="Model statistics">
          <ActionIcon variant="subtle" color="gray" aria-label="Model statistics" onClick={card.open}>
            <IconInfoCircle size={18} />
          </ActionIcon>
        </Tooltip>
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
      <ModelCardModal modelId={modelId} opened={cardOpen} onClose={card.close} />
    </div>
  );
}
