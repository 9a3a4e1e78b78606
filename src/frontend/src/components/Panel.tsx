import { Group, Text } from "@mantine/core";
import { type ReactNode, useId } from "react";
import classes from "./Panel.module.css";

interface PanelProps {
  title: string;
  /** A few words beside the title. */
  about?: ReactNode;
  /** Controls at the right of the title. */
  actions?: ReactNode;
  children: ReactNode;
  /** No padding around the content, for tables and plots that reach the edges. */
  flush?: boolean;
}

export function Panel({ title, about, actions, children, flush = false }: PanelProps) {
  const heading = useId();
  return (
    <section className={classes.panel} aria-labelledby={heading}>
      <Group className={classes.head} justify="space-between" gap="xs">
        <Group gap="xs" wrap="nowrap" miw={0}>
          <h2 id={heading} className={classes.title}>
            {title}
          </h2>
          {about !== undefined && (
            <Text size="xs" c="dimmed" component="div">
              {about}
            </Text>
          )}
        </Group>
        {actions}
      </Group>
      <div className={flush ? classes.flush : classes.body}>{children}</div>
    </section>
  );
}
