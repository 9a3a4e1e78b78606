import { Code, Table } from "@mantine/core";
import { useMemo } from "react";
import { type Block, parseInline, parseMarkdown } from "@/lib/markdown";

/** A model's own words. They come from strangers, so they are only ever shown as text. */
export function Markdown({ text }: { text: string }) {
  const blocks = useMemo(() => parseMarkdown(text), [text]);
  return blocks.map((block, place) => (
    // biome-ignore lint/suspicious/noArrayIndexKey: the text is parsed once and never reordered
    <BlockView key={place} block={block} />
  ));
}

function BlockView({ block }: { block: Block }) {
  switch (block.kind) {
    case "heading":
      return block.level <= 2 ? (
        <h3>
          <Words text={block.text} />
        </h3>
      ) : (
        <h4>
          <Words text={block.text} />
        </h4>
      );
    case "code":
      return <pre>{block.text}</pre>;
    case "list":
      return (
        <ul>
          {block.items.map((item) => (
            <li key={item}>
              <Words text={item} />
            </li>
          ))}
        </ul>
      );
    case "table":
      return (
        <Table fz="sm" verticalSpacing={3}>
          <Table.Thead>
            <Table.Tr>
              {block.head.map((cell) => (
                <Table.Th key={cell}>
                  <Words text={cell} />
                </Table.Th>
              ))}
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {block.rows.map((row) => (
              <Table.Tr key={row.join("|")}>
                {row.map((cell, column) => (
                  <Table.Td key={block.head[column] ?? cell}>
                    <Words text={cell} />
                  </Table.Td>
                ))}
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      );
    default:
      return (
        <p>
          <Words text={block.text} />
        </p>
      );
  }
}

function Words({ text }: { text: string }) {
  return parseInline(text).map((piece, place) => {
    const key = `${place}${piece.text}`;
    if (piece.kind === "code") return <Code key={key}>{piece.text}</Code>;
    if (piece.kind === "strong") return <strong key={key}>{piece.text}</strong>;
    return piece.text;
  });
}
