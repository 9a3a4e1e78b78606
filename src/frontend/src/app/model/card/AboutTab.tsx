import type { ModelCard } from "@/api/types";
import { Markdown } from "../Markdown";
import classes from "./Card.module.css";

/** What the model says of itself. */
export const AboutTab = ({ card }: { card: ModelCard }) => (
  <div className={classes.about}>
    <Markdown text={card.about} />
  </div>
);
