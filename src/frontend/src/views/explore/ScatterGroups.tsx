import { ScrollArea } from "@mantine/core";
import { useMemo } from "react";
import { Panel } from "@/components/Panel";
import { groupStyle } from "@/lib/colour";
import { formatValue } from "@/lib/format";
import { groupPoints, type Point } from "@/lib/scatter";
import { useSession } from "@/state/session";
import classes from "./Explore.module.css";

/** The legend, as buttons that choose a whole group: the lasso's counterpart for the keyboard. */
export function ScatterGroups({
  points,
  word,
  silhouette,
}: {
  points: readonly Point[];
  word: string;
  silhouette: number | null;
}) {
  const select = useSession((session) => session.select);
  const groups = useMemo(() => groupPoints(points).filter((group) => group.cluster !== null), [points]);
  if (groups.length === 0) return null;
  return (
    <Panel
      title={`${word}s`}
      about={
        silhouette === null ? `${groups.length}` : `${groups.length} · silhouette ${formatValue(silhouette)}`
      }
    >
      <ScrollArea.Autosize mah={240} type="auto">
        <ul className={classes.rows}>
          {groups.map(({ cluster, points: members }) => (
            <li key={cluster}>
              <button
                type="button"
                className={classes.cluster}
                onClick={() =>
                  select(
                    `${word} ${cluster}`,
                    members.map((point) => point.unit),
                  )
                }
              >
                <span
                  className={classes.swatch}
                  style={{ background: groupStyle(cluster ?? 0).colour }}
                  aria-hidden
                />
                <span>
                  {word} {cluster}
                </span>
                <span className={classes.number} style={{ marginLeft: "auto" }}>
                  {members.length}
                </span>
              </button>
            </li>
          ))}
        </ul>
      </ScrollArea.Autosize>
    </Panel>
  );
}
