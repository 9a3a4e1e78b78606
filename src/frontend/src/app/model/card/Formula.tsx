import katex from "katex";
import "katex/dist/katex.min.css";
import { useEffect, useRef } from "react";
import classes from "./Card.module.css";

/** A formula set by KaTeX, with MathML for those who hear the page. What it can't set is shown as it is written. */
export function Formula({ latex, display = false }: { latex: string; display?: boolean }) {
  const place = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (place.current)
      katex.render(latex, place.current, {
        displayMode: display,
        output: "htmlAndMathml",
        throwOnError: false,
        trust: false,
        strict: "ignore",
      });
  }, [latex, display]);
  return display ? (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a long formula scrolls, which has to work by keyboard
    <div ref={place} className={classes.formula} tabIndex={0} />
  ) : (
    <span ref={place} />
  );
}
