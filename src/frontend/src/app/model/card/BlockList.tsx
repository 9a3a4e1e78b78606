import { List, Text } from "@mantine/core";
import type { BlockDiagram } from "@/api/types";
import { neighbours } from "@/lib/diagram";
import { PointLines } from "./PointLines";

/** The same as the drawing, to be read from top to bottom. */
export function BlockList({ block }: { block: BlockDiagram }) {
  return (
    <>
      <List type="ordered" size="sm" spacing="sm" aria-label={`Parts of ${block.title}`}>
        {block.nodes.map((node) => {
          const { from, to } = neighbours(block, node.id);
          const facts = [node.module, node.shape, node.note].filter((fact) => fact !== "");
          return (
            <List.Item key={node.id}>
              <Text size="sm" fw={600} component="span">
                {node.title}
              </Text>
              {facts.length > 0 && ` ${facts.join(", ")}`}
              {node.path !== "" && (
                <Text size="xs" c="dimmed" ff="monospace" style={{ overflowWrap: "anywhere" }}>
                  {node.path}
                </Text>
              )}
              {node.inside.length > 0 && (
                <Text size="xs" c="dimmed">
                  holds {node.inside.join("; ")}
                </Text>
              )}
              <Text size="xs" c="dimmed">
                {from.length > 0 ? `from ${from.join(", ")}` : "where the block begins"}
                {to.length > 0 ? `, to ${to.join(", ")}` : ""}
              </Text>
              <PointLines points={node.points} />
            </List.Item>
          );
        })}
      </List>
      {block.absent.length > 0 && (
        <>
          <Text size="sm" fw={600} mt="md" mb={4}>
            Not in this block
          </Text>
          <PointLines points={block.absent} />
        </>
      )}
    </>
  );
}
