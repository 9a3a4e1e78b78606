import { Button, Checkbox, Group, Skeleton, Stack, Text, TextInput } from "@mantine/core";
import { type FormEvent, useState } from "react";
import { useCorpora } from "@/api/queries/indexes";
import { CountInput } from "@/components/CountInput";
import { ErrorNote } from "@/components/Notice";
import { parsePoints } from "@/lib/corpus";
import { formatBytes, formatCount } from "@/lib/format";
import { parseLayers } from "@/lib/layers";
import { NEURONS } from "@/lib/points";
import { CorpusChoice, useCorpusChoice } from "./CorpusChoice";
import { CorpusUpload } from "./CorpusUpload";
import classes from "./Index.module.css";
import type { BuildAsked } from "./useIndexBuild";

interface BuildFormProps {
  pending: boolean;
  onBuild: (asked: BuildAsked) => void;
  /** Asks for layers and points as well. */
  full?: boolean;
  /** Whose units are indexed, where that is not asked for. */
  points?: readonly string[];
}

const POINTS = [
  { value: NEURONS, label: "Neurons" },
  { value: "resid_post", label: "Residual stream" },
  { value: "head_norm", label: "Attention heads" },
];

/** What an index is built over, and of what. */
export function BuildForm({ pending, onBuild, full = false, points = [NEURONS] }: BuildFormProps) {
  const corpora = useCorpora(true);
  const choice = useCorpusChoice(corpora.data?.corpora ?? []);
  const [documents, setDocuments] = useState<number | "">("");
  const [k, setK] = useState<number | "">(32);
  const [layersText, setLayersText] = useState("");
  const [ticked, setTicked] = useState([...points]);
  const [pointsText, setPointsText] = useState("");
  if (corpora.isPending) return <Skeleton height={60} />;
  if (corpora.error) return <ErrorNote error={corpora.error} onRetry={() => corpora.refetch()} compact />;
  const layers = parseLayers(layersText);
  const others = parsePoints(pointsText);
  const wanted = [...new Set([...ticked, ...(others ?? [])])];
  const { corpus, field } = choice;
  const build = (event: FormEvent) => {
    event.preventDefault();
    if (corpus === null) return;
    onBuild({
      corpus,
      documents: documents === "" ? null : documents,
      k: Number(k),
      // The server's own defaults stand where nothing else was asked for.
      ...(field !== null && field !== "text" ? { field } : {}),
      ...(layers?.length ? { layers } : {}),
      ...(wanted.length === 1 && wanted[0] === NEURONS ? {} : { points: wanted }),
    });
  };
  return (
    <form onSubmit={build}>
      <div className={classes.build}>
        <CorpusChoice choice={choice} className={full ? classes.wide : undefined} />
        <CountInput
          label="Documents"
          placeholder={corpus === "bundled" ? "2000" : "all"}
          min={1}
          max={10_000_000}
          value={documents}
          onChange={setDocuments}
        />
        <CountInput label="Contexts (k)" min={1} max={1000} value={k} onChange={setK} />
        {full && (
          <Stack gap="xs" className={classes.wide}>
            <TextInput
              size="sm"
              label="Layers"
              placeholder="all"
              value={layersText}
              onChange={(event) => setLayersText(event.currentTarget.value)}
              error={layers === null ? "Write layers like 0-3, 5" : undefined}
            />
            <Checkbox.Group
              size="sm"
              label="Units of"
              value={ticked}
              onChange={setTicked}
              error={wanted.length === 0 ? "Choose at least one" : undefined}
            >
              <Group gap="md" mt={6} style={{ rowGap: 8 }}>
                {POINTS.map((point) => (
                  <Checkbox key={point.value} size="xs" {...point} />
                ))}
              </Group>
            </Checkbox.Group>
            <TextInput
              size="sm"
              label="Other points"
              placeholder="resid_mid, attn_out.3"
              value={pointsText}
              onChange={(event) => setPointsText(event.currentTarget.value)}
              error={
                others === null ? "Write points like resid_mid, or addresses like attn_out.3" : undefined
              }
            />
          </Stack>
        )}
        <Button
          type="submit"
          className={full ? classes.wide : undefined}
          loading={pending}
          disabled={corpus === null || k === "" || layers === null || others === null || wanted.length === 0}
        >
          Build
        </Button>
      </div>
      <Group justify="space-between" mt={6} gap="xs">
        <Text size="xs" c="dimmed">
          {choice.entry?.documents ? `${formatCount(choice.entry.documents)} documents` : ""}
          {choice.entry?.bytes
            ? `${choice.entry.documents ? ", " : ""}${formatBytes(choice.entry.bytes)}`
            : ""}
        </Text>
        <CorpusUpload onUploaded={choice.choose} />
      </Group>
    </form>
  );
}
