/** What outlives a view but is not part of its picture: the draft prompt, the chosen units, the connection. */

import { create } from "zustand";

export type Connection = "ok" | "unreachable" | "unauthorised";

interface Session {
  prompt: string;
  /** Set when the model was switched: Explore then runs the same prompt on the new one. */
  rerun: boolean;
  selection: { title: string; units: readonly string[] } | null;
  /** The model that the page was on before: the way back where a load fails or is cancelled. */
  cameFrom: string | null;
  connection: Connection;
  setPrompt: (prompt: string) => void;
  setRerun: (rerun: boolean) => void;
  select: (title: string, units: readonly string[]) => void;
  clearSelection: () => void;
  setCameFrom: (modelId: string) => void;
  setConnection: (connection: Connection) => void;
}

export const useSession = create<Session>((set) => ({
  prompt: "",
  rerun: false,
  selection: null,
  cameFrom: null,
  connection: "ok",
  setPrompt: (prompt) => set({ prompt }),
  setRerun: (rerun) => set({ rerun }),
  select: (title, units) => set({ selection: units.length > 0 ? { title, units } : null }),
  clearSelection: () => set({ selection: null }),
  setCameFrom: (cameFrom) => set({ cameFrom }),
  setConnection: (connection) => set((now) => (now.connection === connection ? now : { connection })),
}));
