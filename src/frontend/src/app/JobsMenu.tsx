import { ActionIcon, Anchor, Box, Indicator, Popover, ScrollArea, Stack, Text, Tooltip } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { IconProgressCheck } from "@tabler/icons-react";
import { Link, useLocation } from "react-router";
import { useIndexes } from "@/api/queries/indexes";
import { useJob, useJobs } from "@/api/queries/jobs";
import type { Job } from "@/api/types";
import { JobProgress } from "@/components/JobProgress";
import { ErrorNote } from "@/components/Notice";
import { formatAgo } from "@/lib/format";
import { isActive } from "@/lib/jobs";
import { resultHref } from "./jobResult";

const SHOWN = 30;

/** Long work: what runs, how far it is, and what it brought. */
export function JobsMenu() {
  const [opened, menu] = useDisclosure(false);
  const { data, error, refetch } = useJobs();
  const jobs = data?.jobs ?? [];
  const active = jobs.filter(isActive).length;
  const label = active > 0 ? `Jobs, ${active} at work` : "Jobs";
  return (
    <Popover
      opened={opened}
      onChange={menu.toggle}
      position="bottom-end"
      width={360}
      shadow="md"
      trapFocus
      withinPortal
    >
      <Popover.Target>
        <Tooltip label={label} disabled={opened}>
          <Indicator label={active} size={15} disabled={active === 0} offset={5} color="accent">
            <ActionIcon variant="subtle" color="gray" aria-label={label} onClick={menu.toggle}>
              <IconProgressCheck size={18} />
            </ActionIcon>
          </Indicator>
        </Tooltip>
      </Popover.Target>
      <Popover.Dropdown p={0} aria-label="Jobs">
        <Text fw={600} size="sm" px="sm" pt="xs">
          Jobs
        </Text>
        {error && <ErrorNote error={error} onRetry={() => refetch()} />}
        {data && jobs.length === 0 && (
          <Text size="sm" c="dimmed" p="sm">
            Nothing has run yet. Loading a model, building an index and drawing a scatter appear here with
            their progress.
          </Text>
        )}
        <ScrollArea.Autosize mah={420} type="auto">
          <Stack gap={0} pb="xs" component="ul" m={0} pl={0} style={{ listStyle: "none" }}>
            {jobs.slice(0, SHOWN).map((job) => (
              <Box key={job.job_id} component="li" px="sm" py={6}>
                <JobRow job={job} onLeave={menu.close} />
              </Box>
            ))}
          </Stack>
        </ScrollArea.Autosize>
      </Popover.Dropdown>
    </Popover>
  );
}

function JobRow({ job, onLeave }: { job: Job; onLeave: () => void }) {
  // The list comes without results; only a finished job's own answer says where it leads.
  const full = useJob(job.state === "done" ? job.job_id : null);
  const { search } = useLocation();
  const indexes = useIndexes();
  const href = full.data ? resultHref(full.data, indexes.data?.indexes ?? [], search) : null;
  return (
    <JobProgress
      job={job}
      trailing={
        <>
          <Text size="xs" c="dimmed">
            {formatAgo(job.finished_at ?? job.created_at)}
          </Text>
          {href && (
            <Anchor component={Link} to={href} size="xs" onClick={onLeave} aria-label={`Open: ${job.title}`}>
              Open
            </Anchor>
          )}
        </>
      }
    />
  );
}
