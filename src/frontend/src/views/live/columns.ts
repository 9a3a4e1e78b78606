import { parseAddress } from "@/lib/address";
import type { Run } from "@/lib/run";
import { POINTS, type Point } from "./options";

/** The grid's columns: those points that the run tells of. */
export function pointsOf({ start }: Run): Point[] {
  const there = new Set(start?.points.map((address) => parseAddress(address)?.point));
  return POINTS.filter((point) => there.has(point));
}

/** Why points are missing, each reason said once: `resid_mid: attention and MLP run in parallel`. */
export function missingPoints({ start }: Run): string[] {
  const points = new Map<string, Set<string>>();
  for (const [address, reason] of Object.entries(start?.unavailable ?? {})) {
    const point = parseAddress(address)?.point ?? address;
    points.set(reason, (points.get(reason) ?? new Set()).add(point));
  }
  return [...points].map(([reason, lacking]) => `${[...lacking].join(", ")}: ${reason}`);
}
