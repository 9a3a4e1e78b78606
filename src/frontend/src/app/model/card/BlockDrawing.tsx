import { type KeyboardEvent, useId, useMemo } from "react";
import type { BlockDiagram, DiagramPoint } from "@/api/types";
import { BOX, layOut, type Placed } from "@/lib/diagram";
import classes from "./Anatomy.module.css";

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
          <BoxView
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

function BoxView({ placed, chosen, onChoose }: BoxProps) {
  const { node, x, y, width, height } = placed;
  const press = (event: KeyboardEvent) => {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    onChoose();
  };
  const served = node.points.filter((point) => point.refused === null).map((point) => point.point);
  return (
    // biome-ignore lint/a11y/useSemanticElements: there is no button inside an SVG
    <g
      role="button"
      tabIndex={0}
      aria-pressed={chosen}
      aria-label={[
        node.title,
        node.module,
        node.shape,
        served.length > 0 ? `points ${served.join(", ")}` : "",
      ]
        .filter((part) => part !== "")
        .join(", ")}
      className={classes.box}
      data-role={node.role}
      onClick={onChoose}
      onKeyDown={press}
    >
      <title>{titleOf(placed)}</title>
      {node.role === "sum" ? <Ring placed={placed} /> : <Card placed={placed} />}
      {node.role === "sum" || node.role === "stream" ? (
        <Beside points={node.points} x={x + width / 2} y={y} height={height} />
      ) : null}
    </g>
  );
}

function titleOf({ node }: Placed): string {
  const refused = node.points.flatMap((p) => (p.refused === null ? [] : [`no ${p.point}: ${p.refused}`]));
  return [node.path || node.title, node.note, ...refused].filter((line) => line !== "").join("\n");
}

function Ring({ placed: { x, y } }: { placed: Placed }) {
  const [cx, cy] = [x + BOX.ring, y + BOX.ring];
  return (
    <>
      <circle cx={cx} cy={cy} r={BOX.ring} className={classes.frame} />
      <path d={`M${cx - 6} ${cy}H${cx + 6}M${cx} ${cy - 6}V${cy + 6}`} className={classes.plus} />
    </>
  );
}

function Card({ placed: { node, x, y, width, height, onStream } }: { placed: Placed }) {
  if (onStream)
    return (
      <>
        <rect x={x} y={y} width={width} height={height} rx={height / 2} className={classes.frame} />
        <text x={x + width / 2} y={y + height / 2 + 3.5} textAnchor="middle" className={classes.small}>
          {node.title.replace("stream ", "").replace("norm of the sum", "norm")}
        </text>
      </>
    );
  return (
    <>
      <rect
        x={x}
        y={y}
        width={width}
        height={height}
        rx={node.role === "norm" || node.role === "activation" ? 16 : 5}
        className={classes.frame}
      />
      <text x={x + 11} y={y + 18} className={classes.title}>
        {cut(node.title, 24)}
      </text>
      <text x={x + 11} y={y + 33} className={classes.small}>
        {cut(
          node.shape ||
            node.note ||
            node.module ||
            (node.inside.length > 0 ? `${node.inside.length} parts` : ""),
          27,
        )}
      </text>
      <PointLine points={node.points} x={x + 11} y={y + 48} />
    </>
  );
}

/** Points as far as they fit; the rest, and the reasons of those refused, stand in the panel beside. */
function PointLine({ points, x, y }: { points: readonly DiagramPoint[]; x: number; y: number }) {
  const served = points.filter((point) => point.refused === null);
  const shown = served.length > 0 ? served : points;
  const names = shown.map((point) => point.point);
  let fitting = names.length;
  while (fitting > 1 && names.slice(0, fitting).join(" ").length > (fitting < names.length ? 19 : 23))
    fitting -= 1;
  return (
    <text x={x} y={y} className={classes.points}>
      {shown.slice(0, fitting).map((point, at) => (
        <tspan key={point.point} data-refused={point.refused !== null || undefined} dx={at > 0 ? 6 : 0}>
          {point.point}
        </tspan>
      ))}
      {fitting < names.length && <tspan dx={6}>+{names.length - fitting}</tspan>}
    </text>
  );
}

function Beside({
  points,
  x,
  y,
  height,
}: {
  points: readonly DiagramPoint[];
  x: number;
  y: number;
  height: number;
}) {
  const [first] = points;
  if (!first) return null;
  return (
    <text x={x} y={y + height + 12} textAnchor="middle" className={classes.points}>
      <tspan data-refused={first.refused !== null || undefined}>{first.point}</tspan>
    </text>
  );
}

const cut = (text: string, length: number) => (text.length > length ? `${text.slice(0, length - 1)}…` : text);
