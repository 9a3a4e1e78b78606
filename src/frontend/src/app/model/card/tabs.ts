/** The card's tabs, one row each: a new one is its file and a row here. */

import { type ComponentType, lazy } from "react";
import type { ModelCard } from "@/api/types";
import { AboutTab } from "./AboutTab";
import { OverviewTab } from "./OverviewTab";
import { PointsTab } from "./PointsTab";
import { TokenizerTab } from "./TokenizerTab";
import { TruthTab } from "./TruthTab";
import { WeightsTab } from "./WeightsTab";

export interface CardTab {
  id: string;
  title: string;
  content: ComponentType<{ card: ModelCard }>;
  /** Left out for models that have nothing to show there. */
  when?: (card: ModelCard) => boolean;
  /** Whether something is wrong in it, so that its title warns. */
  warns?: (card: ModelCard) => boolean;
}

export const CARD_TABS: readonly CardTab[] = [
  { id: "overview", title: "Overview", content: OverviewTab },
  { id: "equations", title: "Equations", content: lazy(() => import("./EquationsTab")) },
  { id: "weights", title: "Weights", content: WeightsTab },
  { id: "tokenizer", title: "Tokenizer", content: TokenizerTab },
  { id: "truth", title: "Truth", content: TruthTab, warns: (card) => card.parity?.holds === false },
  {
    id: "precision",
    title: "Precision",
    content: lazy(() => import("../precision/PrecisionTab")),
    when: (card) => card.points.some(({ point, refused }) => point === "mlp_act" && !refused),
  },
  { id: "points", title: "Hook points", content: PointsTab },
  { id: "about", title: "About", content: AboutTab, when: (card) => card.about !== "" },
];
