import { UnstyledButton } from "@mantine/core";
import type { Diagram, DiagramNode } from "@/api/types";
import { letter } from "@/lib/diagram";
import classes from "./Anatomy.module.css";

interface StackProps {
  diagram: Diagram;
  chosen: number;
  box: string | null;
  onBlock: (kind: number) => void;
  onBox: (id: string) => void;
}

/** What a token passes on its way through the model, top to bottom. */
export function ModelStack({ diagram, chosen, box, onBlock, onBox }: StackProps) {
  const several = diagram.blocks.length > 1;
  const end = (node: DiagramNode) => (
    <li key={node.id}>
      <UnstyledButton
        className={classes.end}
        data-role={node.role}
        aria-pressed={box === node.id}
        onClick={() => onBox(node.id)}
      >
        <span>{node.title}</span>
        <small>{node.note || node.shape}</small>
      </UnstyledButton>
    </li>
  );
  return (
    <ol className={classes.stack} aria-label="From the tokens to the scores">
      {diagram.before.map(end)}
      {diagram.stack.map((run, at) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: the same run may come more than once, always in this order
        <li key={at} className={classes.run} data-many={run.times > 1 || undefined}>
          <div className={classes.kinds}>
            {grouped(run.kinds).map(({ kind, count, key }) => (
              <UnstyledButton
                key={key}
                className={classes.kind}
                aria-pressed={kind === chosen}
                onClick={() => onBlock(kind)}
              >
                <span>
                  {several ? `Block ${letter(kind)}` : "Block"}
                  {count > 1 && <b> × {count}</b>}
                </span>
                <small>{diagram.blocks[kind]?.title}</small>
              </UnstyledButton>
            ))}
          </div>
          {run.times > 1 && <span className={classes.times}>× {run.times}</span>}
        </li>
      ))}
      {diagram.after.map(end)}
    </ol>
  );
}

/** Equal neighbours in a pattern taken together: five local layers before a global one are one box. */
function grouped(kinds: readonly number[]): { kind: number; count: number; key: string }[] {
  const found: { kind: number; count: number; key: string }[] = [];
  for (const kind of kinds) {
    const last = found.at(-1);
    if (last?.kind === kind) last.count += 1;
    else found.push({ kind, count: 1, key: `${found.length}-${kind}` });
  }
  return found;
}
