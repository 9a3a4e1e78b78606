/** The views, one row each: a new view is its folder and a row here. */

import {
  IconActivity,
  IconDatabase,
  IconGridDots,
  IconMessageCircle,
  type TablerIcon,
} from "@tabler/icons-react";
import { type ComponentType, lazy } from "react";

export interface View {
  id: string;
  path: string;
  title: string;
  about: string;
  icon: TablerIcon;
  component: ComponentType;
}

export const VIEWS: readonly View[] = [
  {
    id: "explore",
    path: "/",
    title: "Explore",
    about: "Run a prompt and see which neurons light up on which token",
    icon: IconGridDots,
    component: lazy(() => import("./explore/ExploreView")),
  },
  {
    id: "live",
    path: "/live",
    title: "Live",
    about: "Talk with a model and watch its layers, token by token",
    icon: IconMessageCircle,
    component: lazy(() => import("./live/LiveView")),
  },
  {
    id: "neuron",
    path: "/neuron",
    title: "Neuron",
    about: "Read which text drives one neuron",
    icon: IconActivity,
    component: lazy(() => import("./neuron/NeuronView")),
  },
  {
    id: "indexes",
    path: "/indexes",
    title: "Indexes",
    about: "Build indexes over a corpus and list every neuron of one",
    icon: IconDatabase,
    component: lazy(() => import("./indexes/IndexesView")),
  },
];
