import { Button, Group, Progress, Stack, Text } from "@mantine/core";
import { useEffect, useState } from "react";

/** A bar for a wait whose end is not known: it comes after half a second, counts, and can be stopped. */
export function Busy({ label, onCancel }: { label: string; onCancel: () => void }) {
  const [seconds, setSeconds] = useState(0);
  useEffect(() => {
    const started = performance.now();
    const timer = setInterval(() => setSeconds((performance.now() - started) / 1000), 250);
    return () => clearInterval(timer);
  }, []);
  if (seconds < 0.5) return null;
  return (
    <Stack gap={4}>
      <Group justify="space-between">
        <Text size="xs" c="dimmed" role="status">
          {label}
        </Text>
        <Group gap="xs">
          <Text size="xs" c="dimmed">
            {Math.floor(seconds)} s
          </Text>
          <Button size="compact-xs" variant="default" onClick={onCancel}>
            Cancel
          </Button>
        </Group>
      </Group>
      <Progress value={100} animated striped size="xs" aria-label={label} />
    </Stack>
  );
}
