import { describe, expect, it } from "vitest";
import type { Entry, Payload } from "./liveEvents";
import { decodeValues, halfFrom, headsOf, keptUnits, strongest, tileOf, unitsOf } from "./payloads";

const bytes = (hex: string) => Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));

/** A view that does not begin where its buffer does, nor on a boundary of four: as payloads lie in a frame. */
function within(data: Uint8Array): Uint8Array {
  const frame = new Uint8Array(data.length + 3);
  frame.set(data, 3);
  return frame.subarray(3);
}

const of = (array: Float32Array | Uint16Array | Uint32Array | Int8Array) =>
  within(new Uint8Array(array.buffer));
const floats = (...values: number[]) => of(Float32Array.from(values));
const shorts = (...values: number[]) => of(Uint16Array.from(values));

const entry = (shape: number[], payload: Payload | null): Entry => ({
  address: "mlp_act.0",
  shape,
  stats: {},
  payload,
});

/** float16 to float32 by moving bits, as hardware does it: another way than the one that is tested. */
function byBits(half: number): number {
  const view = new DataView(new ArrayBuffer(4));
  const sign = (half & 0x8000) << 16;
  let exponent = (half >> 10) & 31;
  let fraction = half & 1023;
  if (exponent === 31) view.setInt32(0, sign | 0x7f800000 | (fraction << 13));
  else if (exponent === 0 && fraction === 0) view.setInt32(0, sign);
  else {
    if (exponent === 0) {
      exponent = 1;
      while (!(fraction & 1024)) {
        fraction <<= 1;
        exponent -= 1;
      }
      fraction &= 1023;
    }
    view.setInt32(0, sign | ((exponent + 112) << 23) | (fraction << 13));
  }
  return view.getFloat32(0);
}

describe("float16", () => {
  it("is what its bits say, for every pattern", () => {
    for (let bits = 0; bits < 65536; bits += 1)
      if (!Object.is(halfFrom(bits), byBits(bits)))
        expect([bits, halfFrom(bits)]).toEqual([bits, byBits(bits)]);
  });
});

// Bytes that traces/payloads.py made of [[1.5, −2.25, 1000.125, −3e−5], [0.1, −0.2, 65504, 6e−8]], and what it reads in them.
describe("values as the server packs them", () => {
  it.each([
    [
      "f32",
      { values: "0000c03f000010c000087a4482a8fbb7cdcccc3dcdcc4cbe00e07f4759d98033" },
      [1.5, -2.25, 1000.125, -2.9999999242136255e-5, 0.10000000149011612, -0.20000000298023224, 65504],
    ],
    [
      "f16",
      { values: "003e80c0d063f781662e66b2ff7b0100" },
      [1.5, -2.25, 1000, -2.9981136322021484e-5, 0.0999755859375, -0.199951171875, 65504],
    ],
    ["q8", { values: "00007f0000007f00", scales: "0000fc40e4f10044" }, [0, 0, 1000.125, 0, 0, 0, 65504]],
  ])("are read in %s", (dtype, fields, expected) => {
    const arrays = Object.entries(fields).map(([name, hex]) => [name, within(bytes(hex))]);
    const found = decodeValues({ kind: "full", dtype, ...Object.fromEntries(arrays) }, 8, 4);
    expect([...found].slice(0, 7)).toEqual(expected);
    expect(found).toHaveLength(8);
  });

  it.each([
    ["another dtype", { dtype: "f8", values: floats(1) }],
    ["too few bytes", { dtype: "f32", values: floats() }],
    ["no bytes", { dtype: "f32", values: "text" }],
    ["no scales", { dtype: "q8", values: of(Int8Array.from([1])) }],
  ])("are refused with %s", (_, fields) => {
    expect(() => decodeValues({ kind: "full", ...fields }, 1, 1)).toThrow("can't be read");
  });
});

describe("units", () => {
  it("are those of the last position that was kept", () => {
    const payload = {
      kind: "topk_hidden",
      k: 2,
      index_dtype: "u16",
      positions: [0, 7, 13],
      indices: shorts(1, 2, 3, 4, 40, 6),
      dtype: "f32",
      values: floats(9, 9, 9, 9, -5, 3),
    };
    const found = unitsOf(entry([14, 448], payload));
    expect(found).toEqual([
      { index: 40, value: -5 },
      { index: 6, value: 3 },
    ]);
    expect(keptUnits(payload)).toBe(2);
  });

  it("lie a stride apart where they were sampled", () => {
    const payload = {
      kind: "sampled_hidden",
      stride: 4,
      positions: [0],
      dtype: "f32",
      values: floats(1, 2, 3),
    };
    expect(unitsOf(entry([1, 10], payload))).toEqual([
      { index: 0, value: 1 },
      { index: 4, value: 2 },
      { index: 8, value: 3 },
    ]);
  });

  it("are all there in a full payload, flat over what follows the position", () => {
    const payload = { kind: "full", dtype: "q8", values: of(Int8Array.from([0, 0, 0, 0, 1, 2, 3, 4])) };
    const scaled = { ...payload, scales: floats(1, 1, 0.5, 2) };
    const found = unitsOf(entry([2, 2, 2], scaled));
    expect(found?.map(({ value }) => value)).toEqual([0.5, 1, 6, 8]);
    expect(found?.map(({ index }) => index)).toEqual([0, 1, 2, 3]);
  });

  it("are none where there is no payload, or one of another kind", () => {
    expect(unitsOf(entry([1, 4], null))).toBeNull();
    expect(unitsOf(entry([1, 4], { kind: "topk_logits" }))).toBeNull();
  });

  it("are ranked by size, signs kept, equal ones by their index", () => {
    const units = [1, -4, 3, 4].map((value, index) => ({ index, value }));
    expect(strongest(units, 3).map(({ index }) => index)).toEqual([1, 3, 2]);
  });
});

describe("attention", () => {
  it("is read from a summary", () => {
    const payload = {
      kind: "attention_summary",
      heads: 2,
      top: 1,
      index_dtype: "u32",
      argmax: of(Uint32Array.from([70_000, 2])),
      max: floats(0.5, 1),
      entropy: floats(1.25, 0),
    };
    expect(headsOf(entry([2, 1, 70_001], payload))).toEqual([
      { key: 70_000, weight: 0.5, entropy: 1.25 },
      { key: 2, weight: 1, entropy: 0 },
    ]);
  });

  it("is summed up from a row, and from the last row of a matrix", () => {
    const row = [0.25, 0.5, 0.25, 0, 0, 1];
    const expected = [
      { key: 11, weight: 0.5, entropy: expect.closeTo(1.5 * Math.LN2, 6) },
      { key: 12, weight: 1, entropy: 0 },
    ];
    const asRow = { kind: "attention_row", first_key: 10, dtype: "f32", values: floats(...row) };
    expect(headsOf(entry([2, 1, 3], asRow))).toEqual(expected);
    const rows = [1, 0, 0, ...row.slice(0, 3), 1, 0, 0, ...row.slice(3)];
    const asMatrix = { kind: "attention_matrix", first_key: 10, dtype: "f32", values: floats(...rows) };
    expect(headsOf(entry([2, 2, 3], asMatrix))).toEqual(expected);
  });

  it("is none in other payloads", () => expect(headsOf(entry([1, 4], null))).toBeNull());
});

describe("a tile", () => {
  // What capture/tiles.py makes of six units in cells of two rows by two: means of two, and an empty cell.
  const tile = {
    kind: "tile",
    source: "order",
    run: 2,
    height: 2,
    width: 2,
    filled: 3,
    positions: [0],
    dtype: "f16",
    values: within(bytes("003e80c00000")),
  };

  it("is an image whose last cells may hold nothing", () => {
    const found = tileOf(entry([1, 6], tile));
    expect(found).toMatchObject({ height: 2, width: 2, filled: 3, made: { by: "order", run: 2 } });
    expect([...(found?.values ?? [])]).toEqual([1.5, -2.25, 0, Number.NaN]);
  });

  it("says how it was made", () => {
    expect(tileOf(entry([1, 6], { ...tile, source: "random", seed: 7 }))?.made).toEqual({
      by: "random",
      seed: 7,
    });
    expect(tileOf(entry([1, 6], { ...tile, source: "pca", reference: "x_1" }))?.made).toEqual({
      by: "pca",
      reference: "x_1",
    });
  });

  it("is read in 8 bits with one scale", () => {
    const q8 = { ...tile, dtype: "q8", values: of(Int8Array.from([127, -2, 0])), scales: floats(0.5) };
    expect(tileOf(entry([1, 6], q8))?.values[0]).toBe(63.5);
  });

  it.each([
    ["more cells than it has room for", { filled: 5 }],
    ["no rows", { height: 0, filled: 0 }],
    ["sides beyond all measure", { height: 1e6 }],
    ["another source", { source: "dream" }],
    ["no word of its index", { source: "pca" }],
    ["too few values", { filled: 4 }],
  ])("is refused with %s", (_, part) => {
    expect(() => tileOf(entry([1, 6], { ...tile, ...part }))).toThrow("can't be read");
  });

  it("is none in other payloads", () => {
    expect(tileOf(entry([1, 4], null))).toBeNull();
    expect(tileOf(entry([1, 4], { kind: "full" }))).toBeNull();
    expect(unitsOf(entry([1, 6], tile))).toBeNull();
  });
});
