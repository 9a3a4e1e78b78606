import { Button, Code, Group, Stack, Text, ThemeIcon, Title } from "@mantine/core";
import { IconAlertTriangle, IconRefresh } from "@tabler/icons-react";
import type { ReactNode } from "react";
import { ApiError } from "@/api/client";

interface EmptyProps {
  icon: ReactNode;
  title: string;
  children: ReactNode;
  action?: ReactNode;
}

/** Says what to do next where there is nothing to show yet. */
export function EmptyState({ icon, title, children, action }: EmptyProps) {
  return (
    <Stack align="center" gap="xs" py="xl" px="md" ta="center">
      <ThemeIcon size={44} radius="xl" variant="light" autoContrast={false} aria-hidden>
        {icon}
      </ThemeIcon>
      <Title order={3}>{title}</Title>
      <Text size="sm" c="dimmed" maw={460} component="div">
        {children}
      </Text>
      {action}
    </Stack>
  );
}

/** What went wrong, what to try, and a way to try again. */
export function ErrorNote({
  error,
  onRetry,
  compact = false,
}: {
  error: unknown;
  onRetry?: () => void;
  compact?: boolean;
}) {
  const message = error instanceof Error ? error.message : "Something went wrong.";
  const known = error instanceof ApiError ? error : null;
  return (
    <Stack
      role="alert"
      gap={6}
      align={compact ? "flex-start" : "center"}
      ta={compact ? "left" : "center"}
      py={compact ? 4 : "lg"}
    >
      <Group gap={6} wrap="nowrap" align="flex-start">
        <IconAlertTriangle
          size={18}
          color="var(--mantine-color-error)"
          aria-hidden
          style={{ flex: "none" }}
        />
        <Text size="sm" fw={600} style={{ overflowWrap: "anywhere" }}>
          {message}
        </Text>
      </Group>
      {known?.hint && (
        <Text size="sm" c="dimmed" maw={520} style={{ overflowWrap: "anywhere" }}>
          {known.hint}
        </Text>
      )}
      <Group gap="xs">
        {onRetry && (
          <Button
            size="compact-sm"
            variant="default"
            leftSection={<IconRefresh size={14} />}
            onClick={onRetry}
          >
            Try again
          </Button>
        )}
        {known && <Code>{known.code}</Code>}
      </Group>
    </Stack>
  );
}
