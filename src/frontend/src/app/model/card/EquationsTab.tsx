import { Badge, Button, CopyButton, Group, Stack, Text } from "@mantine/core";
import { IconAlertTriangle, IconCircleCheck } from "@tabler/icons-react";
import type { Equation, ModelCard } from "@/api/types";
import { layersWord } from "@/lib/diagram";
import classes from "./Card.module.css";
import { Formula } from "./Formula";

const SYMBOLS: [string, string][] = [
  ["x", "the stream at one position"],
  ["t,\\ s", "positions: the one that looks, and the one looked at"],
  ["h", "a head, counted from 0"],
  ["q,\\ k,\\ v", "what the projections make of the stream"],
  ["W,\\ E", "weights; the embedding"],
  ["\\odot", "product of each coordinate with its own"],
];

/** What this very model computes, with its own numbers. Each formula says what it was compared with. */
export default function EquationsTab({ card }: { card: ModelCard }) {
  return (
    <Stack gap="sm">
      <Text size="sm" c="dimmed" maw={780}>
        Read off the modules and the configuration, then compared with what the modules really did. What could
        not be established is said to be so.
      </Text>
      {card.equations.map((equation) => (
        <Row
          key={`${equation.part} ${equation.words} ${equation.note} ${equation.layers?.[0] ?? ""}`}
          equation={equation}
          layers={card.layers}
        />
      ))}
      <dl className={classes.symbols} aria-label="Symbols">
        {SYMBOLS.map(([latex, meaning]) => (
          <div key={latex}>
            <dt>
              <Formula latex={latex} />
            </dt>
            <dd>{meaning}</dd>
          </div>
        ))}
      </dl>
    </Stack>
  );
}

function Row({ equation, layers }: { equation: Equation; layers: number }) {
  const where =
    equation.layers === null || equation.layers.length === layers ? null : layersWord(equation.layers);
  const Icon = equation.checked !== "" ? IconCircleCheck : IconAlertTriangle;
  return (
    <article className={classes.equation} aria-label={`${equation.title}${where ? `, ${where}` : ""}`}>
      <Group justify="space-between" gap="xs">
        <Group gap="xs">
          <h3 className={classes.heading}>{equation.title}</h3>
          {where && (
            <Badge variant="default" tt="none" fw={500}>
              {where}
            </Badge>
          )}
        </Group>
        {equation.latex !== "" && (
          <CopyButton value={equation.latex}>
            {({ copied, copy }) => (
              <Button size="compact-xs" variant="subtle" color="gray" onClick={copy}>
                {copied ? "Copied" : "Copy LaTeX"}
              </Button>
            )}
          </CopyButton>
        )}
      </Group>
      {equation.latex !== "" && <Formula latex={equation.latex} display />}
      {equation.words !== "" && <Text size="sm">{sentence(equation.words)}</Text>}
      {equation.note !== "" && (
        <Text size="xs" c="dimmed">
          {equation.part === "norm" && equation.latex !== "" ? `Used by ${equation.note}.` : equation.note}
        </Text>
      )}
      {(equation.checked !== "" || equation.latex === "") && (
        <Group gap={5} wrap="nowrap" align="flex-start" mt={2}>
          <Icon
            size={15}
            color={equation.checked !== "" ? "var(--ns-accent)" : "var(--mantine-color-dimmed)"}
            style={{ flex: "none", marginTop: 1 }}
            aria-hidden
          />
          <Text size="xs" c="dimmed">
            {equation.checked !== "" ? equation.checked : "No formula is shown."}
          </Text>
        </Group>
      )}
    </article>
  );
}

const sentence = (words: string) => `${words.charAt(0).toUpperCase()}${words.slice(1)}.`;
