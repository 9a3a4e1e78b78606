import { Button, Checkbox, Group, NativeSelect, NumberInput, Skeleton, Text, TextInput } from "@mantine/core";
import { type FormEvent, useState } from "react";
import { useCorpora } from "@/api/queries/indexes";
import { ErrorNote } from "@/components/Notice";
import { formatBytes, formatCount } from "@/lib/format";
import { parseLayers } from "@/lib/layers";
import { CorpusUpload } from "./CorpusUpload";
import classes from "./Index.module.css";
import type { BuildAsked } from "./useIndexBuild";

interface BuildFormProps {
  pending: boolean;
  onBuild: (asked: BuildAsked) => void;
  /** Asks for layers and points as well. */
  full?: boolean;
}

const NEURONS = "mlp_act";
const POINTS = [
  { value: NEURONS, label: "Neurons" },
  { value: "resid_post", label: "Residual stream" },
  { value: "head_norm", label: "Attention heads" },
];

/** What an index is built over, and of what. */
export function BuildForm({ pending, onBuild, full = false }: BuildFormProps) {
  const corpora = useCorpora(true);
  const [corpus, setCorpus] = useState("bundled");
  const [documents, setDocuments] = useState<number | string>("");
  const [k, setK] = useState<number | string>(32);
  const [layersText, setLayersText] = useState("");
  const [points, setPoints] = useState([NEURONS]);
  if (corpora.isPending) return <Skeleton height={60} />;
  if (corpora.error) return <ErrorNote error={corpora.error} onRetry={() => corpora.refetch()} compact />;
  const chosen = corpora.data.corpora.find((one) => one.corpus === corpus);
  const layers = parseLayers(layersText);
  const build = (event: FormEvent) => {
    event.preventDefault();
    onBuild({
      corpus,
      documents: documents === "" ? null : Number(documents),
      k: Number(k),
      // The server's own defaults stand where nothing else was asked for.
      ...(layers?.length ? { layers } : {}),
      ...(points.length === 1 && points[0] === NEURONS ? {} : { points }),
    });
  };
  return (
    <form onSubmit={build}>
      <div className={classes.build}>
        <NativeSelect
          size="sm"
          label="Corpus"
          className={full ? classes.wide : undefined}
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
        {full && (
          <>
            <TextInput
              size="sm"
              label="Layers"
              placeholder="all"
              className={classes.wide}
              value={layersText}
              onChange={(event) => setLayersText(event.currentTarget.value)}
              error={layers === null ? "Write layers like 0-3, 5" : undefined}
            />
            <Checkbox.Group
              size="sm"
              label="Units of"
              className={classes.wide}
              value={points}
              onChange={setPoints}
              error={points.length === 0 ? "Choose at least one" : undefined}
            >
              <Group gap="md" mt={4}>
                {POINTS.map((point) => (
                  <Checkbox key={point.value} size="xs" {...point} />
                ))}
              </Group>
            </Checkbox.Group>
          </>
        )}
        <Button
          type="submit"
          className={full ? classes.wide : undefined}
          loading={pending}
          disabled={k === "" || layers === null || points.length === 0}
        >
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
