import { Badge, Group, Skeleton, Stack, Tabs, Text } from "@mantine/core";
import { useModelCard } from "@/api/queries/models";
import type { ModelCard } from "@/api/types";
import { Dialog } from "@/components/Dialog";
import { ErrorNote } from "@/components/Notice";
import { formatBytes, formatCount } from "@/lib/format";
import classes from "./Card.module.css";
import { About, LayerWeightsTable, PartsTable, PointsTable } from "./CardTables";

interface ModalProps {
  modelId: string;
  opened: boolean;
  onClose: () => void;
}

/** The model's statistics: what it is made of, and what can be read from it. */
export function ModelCardModal({ modelId, opened, onClose }: ModalProps) {
  const card = useModelCard(modelId, opened);
  return (
    <Dialog opened={opened} onClose={onClose} title={`Model statistics · ${modelId}`} size={860}>
      {card.isPending && (
        <Stack gap="xs">
          <Text size="sm" c="dimmed" role="status">
            Reading the model; it is loaded first where it is not.
          </Text>
          <Skeleton height={90} />
          <Skeleton height={200} />
        </Stack>
      )}
      {card.error && <ErrorNote error={card.error} onRetry={() => card.refetch()} />}
      {card.data && <Card card={card.data} />}
    </Dialog>
  );
}

function Card({ card }: { card: ModelCard }) {
  const facts: [string, string][] = [
    ["parameters", formatCount(card.parameters)],
    ["weights", `${formatBytes(card.weight_bytes)} ${card.dtype}`],
    ["layers", String(card.layers)],
    ["model width", String(card.d_model)],
    ["neurons per layer", card.d_mlp === null ? "–" : String(card.d_mlp)],
    [
      "heads",
      card.heads === card.kv_heads ? String(card.heads) : `${card.heads} (${card.kv_heads} key-value)`,
    ],
    ["vocabulary", formatCount(card.vocabulary)],
    ["context", card.context_length === null ? "–" : `${formatCount(card.context_length)} tokens`],
    ["activation", card.activation ?? "–"],
    ["norm", card.norm ?? "–"],
    ["positions", card.position_scheme ?? "–"],
    ["device", card.device],
  ];
  const marks = [
    card.tied_embeddings && "tied embeddings",
    card.parallel_blocks && "parallel attention and MLP",
    card.has_chat_template && "chat template",
    `${card.attention_implementation} attention`,
  ].filter((mark) => mark !== false);
  return (
    <Stack gap="md">
      <Group gap={6}>
        <Badge variant="outline" tt="none">
          {card.architecture}
        </Badge>
        {marks.map((mark) => (
          <Badge key={mark} variant="default" tt="none" fw={500}>
            {mark}
          </Badge>
        ))}
      </Group>
      <dl className={classes.facts}>
        {facts.map(([word, fact]) => (
          <div key={word}>
            <dt>{word}</dt>
            <dd>{fact}</dd>
          </div>
        ))}
      </dl>
      <Tabs defaultValue="parts">
        <Tabs.List aria-label="Parts of the card">
          <Tabs.Tab value="parts">Parameters by part</Tabs.Tab>
          <Tabs.Tab value="layers">Weights per layer</Tabs.Tab>
          <Tabs.Tab value="points">Hook points</Tabs.Tab>
          {card.about !== "" && <Tabs.Tab value="about">About</Tabs.Tab>}
        </Tabs.List>
        <Tabs.Panel value="parts" pt="sm">
          <PartsTable card={card} />
        </Tabs.Panel>
        <Tabs.Panel value="layers" pt="sm">
          <LayerWeightsTable card={card} />
        </Tabs.Panel>
        <Tabs.Panel value="points" pt="sm">
          <PointsTable card={card} />
        </Tabs.Panel>
        <Tabs.Panel value="about" pt="sm">
          <About text={card.about} />
        </Tabs.Panel>
      </Tabs>
      <Text size="xs" c="dimmed" ff="monospace" style={{ overflowWrap: "anywhere" }}>
        key {card.model_key}
        {card.revision ? ` · revision ${card.revision}` : ""} · source {card.source}
      </Text>
    </Stack>
  );
}
