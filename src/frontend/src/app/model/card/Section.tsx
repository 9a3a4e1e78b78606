import { Group, Text } from "@mantine/core";
import { type ReactNode, useId } from "react";
import classes from "./Card.module.css";

interface SectionProps {
  title: string;
  about?: ReactNode;
  actions?: ReactNode;
  children: ReactNode;
}

/** A part of a tab under a heading of its own. */
export function Section({ title, about, actions, children }: SectionProps) {
  const heading = useId();
  return (
    <section aria-labelledby={heading}>
      <Group justify="space-between" align="flex-end" gap="xs" mb="xs">
        <div>
          <h3 id={heading} className={classes.heading}>
            {title}
          </h3>
          {about !== undefined && (
            <Text size="xs" c="dimmed" component="div" maw={720}>
              {about}
            </Text>
          )}
        </div>
        {actions}
      </Group>
      {children}
    </section>
  );
}
