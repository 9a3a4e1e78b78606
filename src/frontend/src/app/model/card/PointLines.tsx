import type { DiagramPoint } from "@/api/types";
import classes from "./Anatomy.module.css";

/** Hook points, those refused with the reason. */
export function PointLines({ points }: { points: readonly DiagramPoint[] }) {
  if (points.length === 0) return null;
  return (
    <ul className={classes.lines}>
      {points.map(({ point, refused }) => (
        <li key={point} data-refused={refused !== null || undefined}>
          <code>{point}</code>
          {refused !== null && <span> not served: {refused}</span>}
        </li>
      ))}
    </ul>
  );
}
