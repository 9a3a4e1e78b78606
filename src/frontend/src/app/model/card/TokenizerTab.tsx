import { Button, CopyButton, Group, Stack, Table, Text } from "@mantine/core";
import type { ModelCard } from "@/api/types";
import { TokenChip } from "@/components/TokenChip";
import { formatCount } from "@/lib/format";
import classes from "./Card.module.css";
import { Section } from "./Section";

const yesNo = (value: boolean | null) => (value === null ? "not known" : value ? "yes" : "no");

function factsOf(card: ModelCard): [string, string][] {
  const { tokenizer: t } = card;
  const unused =
    t.unused_rows === 0
      ? "none"
      : `${t.unused_rows.toLocaleString("en-US")} of ${t.rows.toLocaleString("en-US")}`;
  return [
    ["class", t.name],
    ["implementation", t.fast ? "fast (Rust)" : "Python"],
    ["kind", t.model ?? "not known"],
    ["tokens", `${t.vocabulary.toLocaleString("en-US")}${t.added > 0 ? `, ${t.added} of them added` : ""}`],
    ["unused embedding rows", unused],
    ["context", t.context_length === null ? "not stated" : `${formatCount(t.context_length)} tokens`],
    ["normaliser", t.normalizer ?? "not known"],
    ["pre-tokenizer", t.pre_tokenizer ?? "not known"],
    ["falls back to bytes", yesNo(t.byte_fallback)],
    ["puts a start token first", yesNo(t.adds_bos)],
    ["puts an end token last", yesNo(t.adds_eos)],
  ];
}

/** How text becomes tokens. */
export function TokenizerTab({ card }: { card: ModelCard }) {
  const { tokenizer } = card;
  return (
    <Stack gap="lg">
      <dl className={classes.facts}>
        {factsOf(card).map(([word, fact]) => (
          <div key={word}>
            <dt>{word}</dt>
            <dd>{fact}</dd>
          </div>
        ))}
      </dl>
      <Section
        title="How it splits a sample"
        about={
          <>
            <code style={{ whiteSpace: "pre-wrap" }}>{JSON.stringify(tokenizer.sample)}</code> as{" "}
            {tokenizer.sample_tokens.length} tokens
          </>
        }
      >
        <ol className={classes.sample}>
          {tokenizer.sample_tokens.map((token, at) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: the tokens of one text never change places
            <li key={at}>
              <TokenChip text={token.text} special={token.special} />
              <span className={classes.tokenId}>{token.id}</span>
            </li>
          ))}
        </ol>
      </Section>
      <Section title="Special tokens">
        {tokenizer.special.length === 0 ? (
          <Text size="sm" c="dimmed">
            This tokenizer names none.
          </Text>
        ) : (
          <Table fz="sm" verticalSpacing={4} maw={620}>
            <Table.Thead>
              <Table.Tr>
                <Table.Th>token</Table.Th>
                <Table.Th ta="right">id</Table.Th>
                <Table.Th>role</Table.Th>
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {tokenizer.special.map((token) => (
                <Table.Tr key={token.id}>
                  <Table.Td>
                    <TokenChip text={token.text} special />
                  </Table.Td>
                  <Table.Td ta="right">{token.id}</Table.Td>
                  <Table.Td>
                    {token.roles.join(", ") || <span className={classes.faint}>no role</span>}
                  </Table.Td>
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
        )}
      </Section>
      <Section
        title="Chat template"
        about={
          tokenizer.chat_templates.length > 0
            ? "Jinja, shown as it is written; the page never runs it."
            : "This model ships none: it continues text, and knows no turns."
        }
      >
        {tokenizer.chat_templates.map(({ name, text }) => (
          <div key={name}>
            <Group justify="space-between" mb={4}>
              <Text size="sm" fw={600}>
                {name}
              </Text>
              <CopyButton value={text}>
                {({ copied, copy }) => (
                  <Button size="compact-xs" variant="default" onClick={copy}>
                    {copied ? "Copied" : "Copy"}
                  </Button>
                )}
              </CopyButton>
            </Group>
            {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region has to be reached by keyboard */}
            <section className={classes.code} tabIndex={0} aria-label={labelOf(name)}>
              <code>{text}</code>
            </section>
          </div>
        ))}
      </Section>
    </Stack>
  );
}

const labelOf = (name: string) => `Text of the chat template ${name}`.trim();
