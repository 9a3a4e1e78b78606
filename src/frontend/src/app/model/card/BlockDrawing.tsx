import { type KeyboardEvent, useId, useMemo } from "react";
import type { BlockDiagram } from "@/api/types";
import { layOut, type Placed } from "@/lib/diagram";
import classes from "./Anatomy.module.css";
import { BoxShape, nameOf } from "./BoxShape";

interface DrawingProps {
  block: BlockDiagram;
  box: string | null;
  onBox: (id: string) => void;
}

/** A block as boxes and arrows. Every box is a button that shows what it is. */
export function BlockDrawing({ block, box, onBox }: DrawingProps) {
  const layout = useMemo(() => layOut(block), [block]);
  const head = useId();
  return (
    <div className={classes.scroll}>
      {/* biome-ignore lint/a11y/useSemanticElements: an SVG that holds buttons is a group, and can be no fieldset */}
      <svg
        viewBox={`0 0 ${layout.width} ${layout.height}`}
        width={layout.width}
        height={layout.height}
        className={classes.drawing}
        role="group"
        aria-label={`Diagram of ${block.title}; the list says the same in words`}
      >
        <defs>
          <marker
            id={head}
            viewBox="0 0 8 8"
            refX="7"
            refY="4"
            markerWidth="6"
            markerHeight="6"
            orient="auto"
          >
            <path d="M0 0.5 7.5 4 0 7.5z" className={classes.tip} />
          </marker>
        </defs>
        {layout.arrows.map(({ key, path, kind }) => (
          <path key={key} d={path} className={classes.arrow} data-kind={kind} markerEnd={`url(#${head})`} />
        ))}
        {layout.boxes.map((placed) => (
          <BoxButton
            key={placed.node.id}
            placed={placed}
            chosen={placed.node.id === box}
            onChoose={() => onBox(placed.node.id)}
          />
        ))}
      </svg>
    </div>
  );
}

interface BoxProps {
  placed: Placed;
  chosen: boolean;
  onChoose: () => void;
}

function BoxButton({ placed, chosen, onChoose }: BoxProps) {
  const press = (event: KeyboardEvent) => {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    onChoose();
  };
  return (
    // biome-ignore lint/a11y/useSemanticElements: there is no button inside an SVG
    <g
      role="button"
      tabIndex={0}
      aria-pressed={chosen}
      aria-label={nameOf(placed)}
      className={classes.box}
      data-role={placed.node.role}
      onClick={onChoose}
      onKeyDown={press}
    >
      <title>{hintOf(placed)}</title>
      <BoxShape placed={placed} />
    </g>
  );
}

function hintOf({ node }: Placed): string {
  const refused = node.points.flatMap((p) => (p.refused === null ? [] : [`no ${p.point}: ${p.refused}`]));
  return [node.path || node.title, node.note, ...refused].filter((line) => line !== "").join("\n");
}
