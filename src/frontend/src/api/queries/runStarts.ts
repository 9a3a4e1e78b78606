import { decodeMulti } from "@msgpack/msgpack";
import { useQueries } from "@tanstack/react-query";
import { readEvent, type StartEvent } from "@/lib/liveEvents";
import { client, unwrap } from "../client";

/** A recorded run, and how many steps it has. */
export interface Recorded {
  trace_id: string;
  steps: number;
}

/** The start event comes before whichever step is asked for: the last one keeps the answer short. */
async function fetchStart({ trace_id, steps }: Recorded, signal: AbortSignal): Promise<StartEvent | null> {
  const bytes = await unwrap(
    client.GET("/api/traces/{trace_id}/events", {
      params: { path: { trace_id }, query: { from_step: Math.max(0, steps - 1) } },
      parseAs: "arrayBuffer",
      signal,
    }),
  );
  for (const message of decodeMulti(new Uint8Array(bytes as unknown as ArrayBuffer))) {
    const event = readEvent(message);
    if (event?.type === "start") return event;
  }
  return null;
}

/** With what runs began that are over; undefined for those that are not known yet, or can't be read. */
export const useRunStarts = (runs: readonly Recorded[]): (StartEvent | null | undefined)[] =>
  useQueries({
    queries: runs.map((run) => ({
      queryKey: ["trace", run.trace_id, "start"],
      queryFn: ({ signal }: { signal: AbortSignal }) => fetchStart(run, signal),
      staleTime: Number.POSITIVE_INFINITY,
      retry: false,
    })),
  }).map(({ data }) => data);
