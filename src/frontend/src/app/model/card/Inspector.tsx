import { Text } from "@mantine/core";
import type { BlockDiagram, DiagramNode } from "@/api/types";
import classes from "./Anatomy.module.css";
import { PointLines } from "./PointLines";

/** What the chosen box is. */
export function Inspector({ block, node }: { block: BlockDiagram; node: DiagramNode | null }) {
  return (
    <aside className={classes.inspector} aria-live="polite" aria-label="The chosen box">
      {node ? <Facts node={node} /> : <Hint />}
      {block.absent.length > 0 && (
        <div>
          <Text size="xs" fw={600}>
            Not in this block
          </Text>
          <PointLines points={block.absent} />
        </div>
      )}
    </aside>
  );
}

const Hint = () => (
  <Text size="xs" c="dimmed">
    Choose a box to see its module, its shape, and the hook points that are read there.
  </Text>
);

function Facts({ node }: { node: DiagramNode }) {
  const facts: [string, string][] = [
    ["class", node.module],
    ["shape", node.shape],
    ["parameters", node.parameters > 0 ? node.parameters.toLocaleString("en-US") : ""],
    ["note", node.note],
  ];
  return (
    <div>
      <Text size="sm" fw={600}>
        {node.title}
      </Text>
      {node.path !== "" && (
        <Text size="xs" c="dimmed" ff="monospace" style={{ overflowWrap: "anywhere" }}>
          {node.path}
        </Text>
      )}
      <dl className={classes.boxFacts}>
        {facts
          .filter(([, fact]) => fact !== "")
          .map(([word, fact]) => (
            <div key={word}>
              <dt>{word}</dt>
              <dd>{fact}</dd>
            </div>
          ))}
      </dl>
      {node.inside.length > 0 && (
        <>
          <Text size="xs" c="dimmed">
            holds
          </Text>
          <ul className={classes.lines}>
            {node.inside.map((part) => (
              <li key={part}>
                <code>{part}</code>
              </li>
            ))}
          </ul>
        </>
      )}
      {node.points.length > 0 && (
        <>
          <Text size="xs" c="dimmed">
            read here
          </Text>
          <PointLines points={node.points} />
        </>
      )}
    </div>
  );
}
