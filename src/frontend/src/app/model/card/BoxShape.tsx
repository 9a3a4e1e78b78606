import type { DiagramNode, DiagramPoint } from "@/api/types";
import { BOX, type Placed } from "@/lib/diagram";
import classes from "./Anatomy.module.css";

/** How a box looks: a ring for a sum, a pill on the stream, else a card of three lines. */
export function BoxShape({ placed }: { placed: Placed }) {
  if (placed.node.role === "sum") return <Ring placed={placed} />;
  return placed.onStream ? <Pill placed={placed} /> : <Card placed={placed} />;
}

/** What is written in the box, in its order, so that speaking it finds it. */
export function nameOf({ node, onStream }: Placed): string {
  const lines = onStream ? [pillTitle(node.title)] : [cut(node.title, 20), secondLine(node)];
  const { shown, more } = fittingPoints(node.points);
  const rest = more > 0 ? [`+${more}`] : [];
  return [...lines, ...(onStream ? node.points.slice(0, 1) : shown).map(({ point }) => point), ...rest]
    .filter((part) => part !== "")
    .join(" ");
}

function Ring({ placed }: { placed: Placed }) {
  const [cx, cy] = [placed.x + BOX.ring, placed.y + BOX.ring];
  return (
    <>
      <circle cx={cx} cy={cy} r={BOX.ring} className={classes.frame} />
      <path d={`M${cx - 6} ${cy}H${cx + 6}M${cx} ${cy - 6}V${cy + 6}`} className={classes.plus} />
      <Beside node={placed.node} x={placed.x - 6} y={cy + 3.5} />
    </>
  );
}

function Pill({ placed: { node, x, y, width, height } }: { placed: Placed }) {
  return (
    <>
      <rect x={x} y={y} width={width} height={height} rx={height / 2} className={classes.frame} />
      <text x={x + width / 2} y={y + height / 2 + 3.5} textAnchor="middle" className={classes.small}>
        {pillTitle(node.title)}
      </text>{" "}
      <Beside node={node} x={x + width / 2 - 7} y={y + height + 14} />
    </>
  );
}

/** A point left of the stream's line, which runs through the middle of what stands on it. */
function Beside({ node, x, y }: { node: DiagramNode; x: number; y: number }) {
  const [first] = node.points;
  if (!first) return null;
  return (
    <text x={x} y={y} textAnchor="end" className={classes.points}>
      <tspan data-refused={first.refused !== null || undefined}>{first.point}</tspan>
    </text>
  );
}

function Card({ placed: { node, x, y, width, height } }: { placed: Placed }) {
  const round = node.role === "norm" || node.role === "activation";
  const { shown, more } = fittingPoints(node.points);
  return (
    <>
      <rect x={x} y={y} width={width} height={height} rx={round ? 16 : 5} className={classes.frame} />
      <text x={x + 11} y={y + 18} className={classes.title}>
        {cut(node.title, 20)}
      </text>{" "}
      <text x={x + 11} y={y + 33} className={classes.small}>
        {secondLine(node)}
      </text>{" "}
      <text x={x + 11} y={y + 48} className={classes.points}>
        {shown.map(({ point, refused }, at) => (
          <tspan key={point} data-refused={refused !== null || undefined}>
            {at > 0 ? ` ${point}` : point}
          </tspan>
        ))}
        {more > 0 && <tspan>{` +${more}`}</tspan>}
      </text>
    </>
  );
}

const ROOM = 22;

/** Points as far as they fit, served ones first; all of them, and the reasons of those refused, stand beside the drawing. */
function fittingPoints(points: readonly DiagramPoint[]): { shown: DiagramPoint[]; more: number } {
  const served = points.filter((point) => point.refused === null);
  const wanted = served.length > 0 ? served : [...points];
  let fitting = wanted.length;
  const length = () =>
    wanted
      .slice(0, fitting)
      .map(({ point }) => point)
      .join(" ").length + (fitting < wanted.length ? 3 : 0);
  while (fitting > 1 && length() > ROOM) fitting -= 1;
  return { shown: wanted.slice(0, fitting), more: wanted.length - fitting };
}

const pillTitle = (title: string) => title.replace("stream ", "").replace("norm of the sum", "norm");

function secondLine(node: DiagramNode): string {
  const held = node.inside.length > 0 ? `${node.inside.length} parts` : "";
  return cut(node.shape || node.note || node.module || held, 27);
}

const cut = (text: string, length: number) => (text.length > length ? `${text.slice(0, length - 1)}…` : text);
