import { Button, Group, Progress, Stack, Text } from "@mantine/core";
import type { ReactNode } from "react";
import { useCancelJob } from "@/api/queries/jobs";
import type { Job } from "@/api/types";
import { fraction, isActive, paceText, progressText, stateWord } from "@/lib/jobs";
import { useRate } from "./useRate";

interface JobProgressProps {
  job: Job;
  /** Stands after the state, on its line. */
  trailing?: ReactNode;
  /** A job started with this one and of no use without it: it is cancelled along with it. */
  companion?: Job | null | undefined;
}

/** A job's title, how far it is, and a way to stop it. */
export function JobProgress({ job, trailing, companion }: JobProgressProps) {
  const { title } = job;
  const cancel = useCancelJob();
  const share = fraction(job);
  const pace = paceText(job, useRate(job));
  const active = isActive(job);
  return (
    <Stack gap={4} aria-live="polite">
      <Group justify="space-between" wrap="nowrap" gap="xs">
        <Text size="sm" fw={500} miw={0} lineClamp={2} title={title} style={{ overflowWrap: "anywhere" }}>
          {title}
        </Text>
        {active && (
          <Button
            size="compact-xs"
            variant="default"
            flex="none"
            loading={cancel.isPending}
            onClick={() => {
              cancel.mutate(job.job_id);
              if (companion && isActive(companion)) cancel.mutate(companion.job_id);
            }}
            aria-label={`Cancel: ${title}`}
          >
            Cancel
          </Button>
        )}
      </Group>
      {active && (
        <Progress
          value={share === null ? 100 : share * 100}
          animated={share === null}
          striped={share === null}
          size="sm"
          aria-label={title}
        />
      )}
      <Group gap="xs">
        <Text size="xs" c={job.state === "failed" ? "var(--mantine-color-error)" : "dimmed"}>
          {active ? progressText(job) : (job.error?.message ?? stateWord(job.state))}
        </Text>
        {active && pace && (
          <Text size="xs" c="dimmed">
            {pace}
          </Text>
        )}
        {trailing}
      </Group>
      {job.error?.hint && (
        <Text size="xs" c="dimmed">
          {job.error.hint}
        </Text>
      )}
    </Stack>
  );
}
