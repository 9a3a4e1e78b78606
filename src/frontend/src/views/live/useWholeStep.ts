import { useQuery } from "@tanstack/react-query";
import { useEffect } from "react";
import type { StepEvent } from "@/lib/liveEvents";
import { noteFetched, useLive } from "./store";

/** The step with its payloads, fetched from the trace where the page has it not. */
export function useWholeStep(number: number): {
  event: StepEvent | undefined;
  error: Error | null;
  refetch: () => void;
} {
  const cache = useLive(({ cache }) => cache);
  const there = useLive(({ run }) => run.steps[number]?.lost === null);
  useLive(({ fetched }) => fetched);
  const here = cache?.get(number);
  const answer = useQuery({
    queryKey: ["step", cache?.traceId, number],
    queryFn: async ({ signal }) => {
      const event = await cache?.load(number, signal);
      noteFetched();
      return event ?? null;
    },
    enabled: cache !== null && there && here === undefined,
    gcTime: 0,
    staleTime: Number.POSITIVE_INFINITY,
  });
  return {
    event: here ?? answer.data ?? undefined,
    error: here ? null : answer.error,
    refetch: answer.refetch,
  };
}

/** Fetches the steps of a stretch that are not here, a few at a time; what fails is left out. */
export function useStretch(first: number, last: number, wanted: boolean): void {
  const cache = useLive(({ cache }) => cache);
  useEffect(() => {
    if (!wanted || cache === null) return;
    const control = new AbortController();
    const { steps } = useLive.getState().run;
    const missing = steps.slice(first, last + 1).filter(({ step, lost }) => !lost && !cache.get(step));
    const fetchOn = async () => {
      for (let next = missing.shift(); next && !control.signal.aborted; next = missing.shift()) {
        const loaded = await cache.load(next.step, control.signal).catch(() => null);
        if (loaded && !control.signal.aborted) noteFetched();
      }
    };
    for (let one = 0; one < 3; one += 1) fetchOn();
    return () => control.abort();
  }, [cache, first, last, wanted]);
}
