import { Stack, Tabs } from "@mantine/core";
import type { ReactNode } from "react";
import classes from "./Explore.module.css";
import { useOptions } from "./options";

interface ColumnsProps {
  /** Stands above the picture in every tab: the layers and the list of tabs. */
  head: ReactNode;
  children: ReactNode;
  aside: ReactNode;
}

/** A tab's picture at the left, what belongs to it at the right. */
export function Columns({ head, children, aside }: ColumnsProps) {
  const { tab } = useOptions();
  return (
    <div className={classes.columns} data-tab={tab}>
      <Stack gap="sm" miw={0}>
        {head}
        <Tabs.Panel value={tab}>{children}</Tabs.Panel>
      </Stack>
      <Stack gap="sm" miw={0}>
        {aside}
      </Stack>
    </div>
  );
}
