import { Button, Group, NativeSelect, NumberInput, Skeleton, Stack, Text } from "@mantine/core";
import { IconDatabasePlus } from "@tabler/icons-react";
import { useQueryClient } from "@tanstack/react-query";
import { useCallback, useState } from "react";
import { useBuildIndex, useCorpora } from "@/api/queries/indexes";
import { useJob, useJobs } from "@/api/queries/jobs";
import type { Job } from "@/api/types";
import { JobProgress } from "@/components/JobProgress";
import { EmptyState, ErrorNote } from "@/components/Notice";
import { Panel } from "@/components/Panel";
import { formatBytes, formatCount } from "@/lib/format";
import { isActive, resultText } from "@/lib/jobs";
import { useModelId, useParams, usePatch } from "@/state/address";
import { CorpusUpload } from "./CorpusUpload";
import classes from "./Neuron.module.css";

/** Builds an index here and now. A build at work is found again after a reload. */
export function IndexBuilder() {
  const modelId = useModelId();
  const patch = usePatch();
  const queries = useQueryClient();
  const jobs = useJobs();
  const build = useBuildIndex();
  const atWork = jobs.data?.jobs.find(
    (job) => job.kind === "index" && isActive(job) && job.model_id === modelId,
  );
  const jobId = useParams().get("indexJob") ?? atWork?.job_id ?? null;
  const finish = useCallback(
    (job: Job) => {
      if (job.state === "done") patch({ index: resultText(job, "index_id"), indexJob: null, build: null });
      queries.invalidateQueries({ queryKey: ["indexes"] });
      queries.invalidateQueries({ queryKey: ["neuron"] });
    },
    [patch, queries],
  );
  const job = useJob(jobId, finish);
  const running = job.data && isActive(job.data);

  return (
    <Panel title="Strongest contexts">
      <EmptyState
        icon={<IconDatabasePlus size={24} />}
        title={running ? "The index is being built" : "Build an index to read what drives this neuron"}
      >
        An index reads a corpus once and keeps, for every neuron of the model, the exact contexts that drive
        it hardest. The bundled corpus takes about ten seconds for the bundled model.
      </EmptyState>
      <Stack maw={580} mx="auto" gap="sm" pb="md">
        {job.data && job.data.state !== "done" && <JobProgress job={job.data} />}
        {build.error && <ErrorNote error={build.error} compact />}
        {!running && (
          <BuildForm
            pending={build.isPending}
            onBuild={(corpus, documents, k) =>
              build.mutate(
                { model_id: modelId, corpus, documents, k },
                { onSuccess: ({ job_id }) => patch({ indexJob: job_id }) },
              )
            }
          />
        )}
      </Stack>
    </Panel>
  );
}

interface BuildFormProps {
  pending: boolean;
  onBuild: (corpus: string, documents: number | null, k: number) => void;
}

function BuildForm({ pending, onBuild }: BuildFormProps) {
  const corpora = useCorpora(true);
  const [corpus, setCorpus] = useState("bundled");
  const [documents, setDocuments] = useState<number | string>("");
  const [k, setK] = useState<number | string>(32);
  if (corpora.isPending) return <Skeleton height={60} />;
  if (corpora.error) return <ErrorNote error={corpora.error} onRetry={() => corpora.refetch()} compact />;
  const chosen = corpora.data.corpora.find((one) => one.corpus === corpus);
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        onBuild(corpus, documents === "" ? null : Number(documents), Number(k));
      }}
    >
      <div className={classes.build}>
        <NativeSelect
          size="sm"
          label="Corpus"
          value={corpus}
          data={corpora.data.corpora.map((one) => one.corpus)}
          onChange={(event) => setCorpus(event.currentTarget.value)}
        />
        <NumberInput
          size="sm"
          label="Documents"
          placeholder={corpus === "bundled" ? "2000" : "all"}
          min={1}
          max={10_000_000}
          allowDecimal={false}
          value={documents}
          onChange={setDocuments}
        />
        <NumberInput
          size="sm"
          label="Contexts (k)"
          min={1}
          max={1000}
          allowDecimal={false}
          value={k}
          onChange={setK}
        />
        <Button type="submit" loading={pending} disabled={k === ""}>
          Build
        </Button>
      </div>
      <Group justify="space-between" mt={6}>
        <Text size="xs" c="dimmed">
          {chosen?.documents ? `${formatCount(chosen.documents)} documents` : ""}
          {chosen?.bytes ? `, ${formatBytes(chosen.bytes)}` : ""}
        </Text>
        <CorpusUpload onUploaded={setCorpus} />
      </Group>
    </form>
  );
}
