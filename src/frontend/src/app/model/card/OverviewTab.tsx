import { Badge, Group, Stack } from "@mantine/core";
import type { ModelCard } from "@/api/types";
import { formatBytes, formatCount } from "@/lib/format";
import { Anatomy } from "./Anatomy";
import classes from "./Card.module.css";
import { PartsTable } from "./PartsTable";
import { Section } from "./Section";

const orDash = (value: number | string | null) => (value === null ? "–" : String(value));

function factsOf(card: ModelCard): [string, string][] {
  const precision = card.quantization === "none" ? card.dtype : `${card.quantization} in ${card.dtype}`;
  const heads =
    card.heads === card.kv_heads ? String(card.heads) : `${card.heads} (${card.kv_heads} key-value)`;
  return [
    ["parameters", formatCount(card.parameters)],
    ["weights", `${formatBytes(card.weight_bytes)} ${precision}`],
    ["layers", String(card.layers)],
    ["model width", String(card.d_model)],
    ["neurons per layer", orDash(card.d_mlp)],
    ["heads", card.heads === 0 ? "–" : heads],
    ["vocabulary", formatCount(card.vocabulary)],
    ["context", card.context_length === null ? "–" : `${formatCount(card.context_length)} tokens`],
    ["activation", orDash(card.activation)],
    ["norm", orDash(card.norm)],
    ["positions", orDash(card.position_scheme)],
    ["device", card.device],
  ];
}

/** The model at a glance: its figures, its anatomy, and where its parameters are. */
export function OverviewTab({ card }: { card: ModelCard }) {
  const marks = [
    card.tied_embeddings && "tied embeddings",
    card.parallel_blocks && "parallel attention and MLP",
    card.has_chat_template && "chat template",
    `${card.attention_implementation} attention`,
  ].filter((mark) => mark !== false);
  return (
    <Stack gap="lg">
      <Stack gap="sm">
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
          {factsOf(card).map(([word, fact]) => (
            <div key={word}>
              <dt>{word}</dt>
              <dd>{fact}</dd>
            </div>
          ))}
        </dl>
      </Stack>
      <Anatomy diagram={card.diagram} />
      <Section title="Parameters by part">
        <PartsTable card={card} />
      </Section>
    </Stack>
  );
}
