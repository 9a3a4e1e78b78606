import type { CSSProperties } from "react";
import { showToken } from "@/lib/tokens";
import classes from "./Token.module.css";

/** A token to be read, not pressed. */
export function TokenChip({
  text,
  special = false,
  style,
}: {
  text: string;
  special?: boolean;
  style?: CSSProperties;
}) {
  return (
    <span className={classes.chip} data-special={special || undefined} style={style}>
      {showToken(text)}
    </span>
  );
}
