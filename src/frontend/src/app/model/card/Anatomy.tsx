import { SegmentedControl, Text } from "@mantine/core";
import type { BlockDiagram, Diagram } from "@/api/types";
import { layersWord, letter } from "@/lib/diagram";
import { readChoice, readInt } from "@/lib/url";
import { useParams, usePatch } from "@/state/address";
import classes from "./Anatomy.module.css";
import { BlockDrawing } from "./BlockDrawing";
import { BlockList } from "./BlockList";
import { Inspector } from "./Inspector";
import { ModelStack } from "./ModelStack";
import { Section } from "./Section";

const KINDS = ["drawing", "list"] as const;

/** The whole model as a stack, and the kind of block that is chosen in it drawn from its modules. */
export function Anatomy({ diagram }: { diagram: Diagram }) {
  const params = useParams();
  const patch = usePatch();
  const chosen = readInt(params, "block", 0, 0, Math.max(0, diagram.blocks.length - 1));
  const how = readChoice(params, "anatomy", KINDS, "drawing");
  const block = diagram.blocks[chosen];
  if (block === undefined) return null;
  const ends = [...diagram.before, ...diagram.after];
  const box = [...block.nodes, ...ends].find((node) => node.id === params.get("box")) ?? null;
  return (
    <Section
      title="Anatomy"
      about="Drawn from the modules themselves and from what one small pass through them showed."
      actions={
        <SegmentedControl
          size="xs"
          aria-label="Show the block as"
          value={how}
          onChange={(value) => patch({ anatomy: value === "drawing" ? null : value })}
          data={[
            { value: "drawing", label: "Drawing" },
            { value: "list", label: "List" },
          ]}
        />
      }
    >
      <div className={classes.anatomy}>
        <div className={classes.side}>
          <ModelStack
            diagram={diagram}
            chosen={chosen}
            box={box?.id ?? null}
            onBlock={(kind) => patch({ block: kind === 0 ? null : kind, box: null })}
            onBox={(id) => patch({ box: id })}
          />
          {how === "drawing" && <Inspector block={block} node={box} />}
        </div>
        <div className={classes.block}>
          <BlockHead block={block} kinds={diagram.blocks.length} kind={chosen} />
          {how === "drawing" ? (
            <BlockDrawing
              block={block}
              box={box?.id ?? null}
              onBox={(id) => patch({ box: id === box?.id ? null : id })}
            />
          ) : (
            <BlockList block={block} />
          )}
        </div>
      </div>
    </Section>
  );
}

function BlockHead({ block, kinds, kind }: { block: BlockDiagram; kinds: number; kind: number }) {
  return (
    <div className={classes.head}>
      <Text size="sm" fw={600}>
        {kinds > 1 ? `Block ${letter(kind)}: ` : "Every block: "}
        {block.title}
      </Text>
      <Text size="xs" c="dimmed">
        {layersWord(block.layers)} · {block.order}
      </Text>
    </div>
  );
}
