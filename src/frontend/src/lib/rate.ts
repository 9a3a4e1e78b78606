/** How fast a job moves, from the last few looks at it. */

export interface Look {
  /** Milliseconds. */
  at: number;
  done: number;
}

const KEPT_MS = 8000;
const ENOUGH_MS = 900;

/** The looks with a new one; work that starts over, as a load does between its phases, is measured anew. */
export function addLook(looks: readonly Look[], look: Look): Look[] {
  const last = looks.at(-1);
  if (last && look.done < last.done) return [look];
  if (last && look.at === last.at) return [...looks];
  return [...looks.filter(({ at }) => look.at - at <= KEPT_MS), look];
}

/** Units per second; null while too little was seen, or where nothing moved. */
export function rateOf(looks: readonly Look[]): number | null {
  const [first, last] = [looks[0], looks.at(-1)];
  if (!first || !last || last.at - first.at < ENOUGH_MS || last.done <= first.done) return null;
  return ((last.done - first.done) / (last.at - first.at)) * 1000;
}

/** Seconds to the end at this rate; null where the end or the rate is not known. */
export const secondsLeft = (done: number, total: number | null, rate: number | null): number | null =>
  total === null || rate === null || rate <= 0 ? null : Math.max(0, (total - done) / rate);
