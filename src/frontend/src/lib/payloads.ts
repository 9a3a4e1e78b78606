/** Payload bytes as numbers: float32, float16, or 8 bits with a scale for each row, as `traces/payloads.py` writes them. */

import type { Entry, Payload } from "./liveEvents";

export interface UnitValue {
  index: number;
  value: number;
}

export interface Head {
  /** The key position that gets the largest weight. */
  key: number;
  weight: number;
  /** In nats. */
  entropy: number;
}

/** An image of a point's last position. */
export interface Tile {
  height: number;
  width: number;
  /** The first cells hold values; those behind them are empty. */
  filled: number;
  /** Row by row; NaN in cells that hold nothing. */
  values: Float32Array;
  /** How cells come from units: of so many in order the mean, or through a projection. */
  made: { by: "order"; run: number } | { by: "random"; seed: number } | { by: "pca"; reference: string };
}

/** Whether the values lie beside the step, as a tensor of the trace: so are those of a prompt that was captured. */
export const liesBeside = (payload: Payload): boolean => payload.kind === "full" && !("values" in payload);

const broken = () => new Error("A payload of this step can't be read.");

/** A float16 by its bits. */
export function halfFrom(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** A field's bytes on a boundary of their own: typed arrays can't start just anywhere in a frame. */
function bytesOf(payload: Payload, field: string, size: number): ArrayBuffer {
  const bytes = payload[field];
  if (!(bytes instanceof Uint8Array) || bytes.byteLength !== size) throw broken();
  return bytes.slice().buffer;
}

/** `count` values in rows of `width`. Throws where they are not that many. */
export function decodeValues(payload: Payload, count: number, width: number): Float32Array {
  switch (payload.dtype) {
    case "f32":
      return new Float32Array(bytesOf(payload, "values", count * 4));
    case "f16":
      return Float32Array.from(new Uint16Array(bytesOf(payload, "values", count * 2)), halfFrom);
    case "q8": {
      const steps = new Int8Array(bytesOf(payload, "values", count));
      const scales = new Float32Array(bytesOf(payload, "scales", (width > 0 ? count / width : 0) * 4));
      return Float32Array.from(steps, (step, at) => step * (scales[Math.floor(at / width)] ?? 0));
    }
    default:
      throw broken();
  }
}

function decodeIndices(payload: Payload, field: string, count: number): Uint16Array | Uint32Array {
  if (payload.index_dtype === "u16") return new Uint16Array(bytesOf(payload, field, count * 2));
  if (payload.index_dtype === "u32") return new Uint32Array(bytesOf(payload, field, count * 4));
  throw broken();
}

const whole = (value: unknown): number => {
  if (typeof value !== "number" || !Number.isInteger(value) || value < 0) throw broken();
  return value;
};

/** How many units a payload keeps of each position; null where it keeps all. */
export const keptUnits = (payload: Payload): number | null =>
  payload.kind === "topk_hidden" ? whole(payload.k) : null;

const read = new WeakMap<Entry, UnitValue[] | null>();

/** The units of the last position that the payload keeps, as they lie in it; null where it holds no units. */
export function unitsOf(entry: Entry): UnitValue[] | null {
  let found = read.get(entry);
  if (found === undefined) {
    found = readUnits(entry);
    read.set(entry, found);
  }
  return found;
}

function readUnits({ payload, shape }: Entry): UnitValue[] | null {
  if (payload === null || liesBeside(payload)) return null;
  const size = shape.slice(1).reduce((product, side) => product * side, 1);
  const rows = Array.isArray(payload.positions) ? payload.positions.length : (shape[0] ?? 0);
  if (rows === 0) return [];
  const pair = (values: Float32Array, width: number, indexAt: (at: number) => number) =>
    Array.from(values.subarray((rows - 1) * width), (value, at) => ({ index: indexAt(at), value }));
  switch (payload.kind) {
    case "topk_hidden": {
      const k = whole(payload.k);
      const indices = decodeIndices(payload, "indices", rows * k);
      return pair(decodeValues(payload, rows * k, k), k, (at) => indices[(rows - 1) * k + at] ?? 0);
    }
    case "sampled_hidden": {
      const stride = Math.max(1, whole(payload.stride));
      const width = Math.ceil(size / stride);
      return pair(decodeValues(payload, rows * width, width), width, (at) => at * stride);
    }
    case "full": {
      // The scales of 8-bit values run along the last axis, which need not be the only one behind the positions.
      const values = decodeValues(payload, rows * size, shape.at(-1) ?? size);
      return pair(values, size, (at) => at);
    }
    default:
      return null;
  }
}

/** The strongest `count` by size, signs kept. */
export function strongest(units: readonly UnitValue[], count: number): UnitValue[] {
  return [...units]
    .sort((a, b) => Math.abs(b.value) - Math.abs(a.value) || a.index - b.index)
    .slice(0, count);
}

/** What each head attends to from the last position; null where the payload holds no attention. */
export function headsOf({ payload, shape }: Entry): Head[] | null {
  if (payload === null) return null;
  const [heads = 0, queries = 0] = shape;
  const keys = shape.at(-1) ?? 0;
  switch (payload.kind) {
    case "attention_summary": {
      const count = whole(payload.heads);
      const best = decodeIndices(payload, "argmax", count);
      const weights = new Float32Array(bytesOf(payload, "max", count * 4));
      const entropies = new Float32Array(bytesOf(payload, "entropy", count * 4));
      return Array.from(best, (key, head) => ({
        key,
        weight: weights[head] ?? Number.NaN,
        entropy: entropies[head] ?? Number.NaN,
      }));
    }
    case "attention_row":
    case "attention_matrix": {
      const rows = payload.kind === "attention_row" ? 1 : queries;
      const values = decodeValues(payload, heads * rows * keys, keys);
      const first = typeof payload.first_key === "number" ? payload.first_key : 0;
      return Array.from({ length: heads }, (_, head) =>
        summarise(values.subarray(((head + 1) * rows - 1) * keys, (head + 1) * rows * keys), first),
      );
    }
    default:
      return null;
  }
}

function summarise(row: Float32Array, first: number): Head {
  let best = 0;
  let entropy = 0;
  row.forEach((weight, at) => {
    if (weight > (row[best] ?? 0)) best = at;
    if (weight > 0) entropy -= weight * Math.log(weight);
  });
  return { key: first + best, weight: row[best] ?? Number.NaN, entropy };
}

const MOST_TILE_SIDE = 256;

/** The tile that the payload holds; null where it holds another kind. */
export function tileOf({ payload }: Entry): Tile | null {
  if (payload?.kind !== "tile") return null;
  const [height, width, filled] = [whole(payload.height), whole(payload.width), whole(payload.filled)];
  if (Math.max(height, width) > MOST_TILE_SIDE || height * width === 0 || filled > height * width)
    throw broken();
  const values = new Float32Array(height * width).fill(Number.NaN);
  values.set(decodeValues(payload, filled, filled));
  return { height, width, filled, values, made: madeBy(payload) };
}

function madeBy({ source, run, seed, reference }: Payload): Tile["made"] {
  if (source === "order") return { by: source, run: Math.max(1, whole(run)) };
  if (source === "random") return { by: source, seed: whole(seed) };
  if (source === "pca" && typeof reference === "string") return { by: source, reference };
  throw broken();
}
