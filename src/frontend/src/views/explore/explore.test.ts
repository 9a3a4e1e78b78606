import { describe, expect, it } from "vitest";
import { scaleValues } from "@/lib/heatmapScale";
import { heatmap, layers } from "@/testing/fixtures";
import { escapeTags, heatmapData, heatmapLayout, thin } from "./heatmapFigure";
import { readOptions } from "./options";
import { peakOf } from "./peak";
import { readScatterOptions } from "./scatterOptions";
import { stripRange } from "./strip";

describe("the options", () => {
  it("have defaults", () => {
    expect(readOptions(new URLSearchParams())).toEqual({
      traceId: null,
      tab: "heatmap",
      point: "mlp_act",
      layer: 0,
      top: 50,
      by: "max",
      strip: "mean_abs",
      log: false,
      clip: 99,
    });
  });
  it("come from the address, and nonsense does not", () => {
    const read = (search: string) => readOptions(new URLSearchParams(search));
    expect(
      read("?trace=t_1&tab=layers&layer=4&top=20&by=variance&log=1&clip=99.5&point=resid_post"),
    ).toMatchObject({
      traceId: "t_1",
      tab: "layers",
      layer: 4,
      top: 20,
      by: "variance",
      log: true,
      clip: 99.5,
      point: "resid_post",
    });
    expect(read("?tab=x&layer=-3&top=99999&by=x&clip=7&point=../x")).toMatchObject({
      tab: "heatmap",
      layer: 0,
      top: 2000,
      by: "max",
      clip: 99,
      point: "mlp_act",
    });
  });
  it("name the scatter's jobs and parameters", () => {
    expect(readScatterOptions(new URLSearchParams("?layoutJob=j_1&p.k=5&scope=layer"))).toMatchObject({
      layoutJob: "j_1",
      clusterJob: null,
      onlyLayer: 0,
      texts: { k: "5" },
    });
  });
});

describe("the strip's range", () => {
  it("leaves special tokens out", () =>
    expect(stripRange(layers)).toEqual({ min: 0, max: 1.1, signed: false }));
  it("is symmetric where a value is negative", () => {
    const signed = { ...layers, layers: layers.layers.map((row) => ({ ...row, per_token: [9, -2, 1] })) };
    expect(stripRange(signed)).toEqual({ min: -2, max: 2, signed: true });
  });
});

describe("what is not finite", () => {
  // As the server sends it: JSON has no NaN.
  const gone = null as unknown as number;
  it("is a gap in the heatmap, and is named there", () => {
    const holed = { ...heatmap, values: [[90, gone, -2]] };
    for (const log of [false, true]) {
      const scaled = scaleValues(holed.values, [true, false, false], { log, clip: 100 });
      expect(scaled.z[0]?.[1]).toBeNull();
      expect(JSON.stringify(heatmapData(holed, scaled, log, "dark"))).toContain("not finite");
    }
  });
  it("is no peak", () => {
    expect(peakOf([9, gone, -2], heatmap.tokens)).toEqual({ token: " +", value: -2 });
    expect(peakOf([gone, gone, gone], heatmap.tokens).value).toBeNaN();
  });
});

it("finds a unit's peak outside special tokens, also where all is negative", () => {
  expect(peakOf(heatmap.values[0] ?? [], heatmap.tokens)).toEqual({ token: "23", value: 1.25 });
  expect(peakOf([9, -3, -2], heatmap.tokens)).toEqual({ token: " +", value: -2 });
});

describe("the heatmap's figure", () => {
  const scaled = scaleValues(heatmap.values, [true, false, false], { log: false, clip: 100 });
  it("keeps the range free of special tokens and veils their columns", () => {
    expect(heatmapData(heatmap, scaled, false, "dark")[0]).toMatchObject({ zmin: -2, zmax: 2 });
    expect(heatmapLayout(heatmap, "dark", null).shapes).toHaveLength(1);
    expect(heatmapLayout(heatmap, "dark", { row: 0, token: 1 }).shapes).toHaveLength(2);
  });
  it("says at the ends of its scale that values lie beyond", () => {
    const clipped = { ...scaled, clipped: true };
    expect(JSON.stringify(heatmapData(heatmap, clipped, false, "dark"))).toContain("≥ 2");
    expect(JSON.stringify(heatmapData(heatmap, scaled, false, "dark"))).not.toContain("≥");
  });
  it("shows a token that looks like markup as text", () => {
    expect(escapeTags("<b>&")).toBe("&lt;b&gt;&amp;");
    const data = JSON.stringify(heatmapData(heatmap, scaled, false, "dark"));
    expect(data).toContain("&lt;s&gt;");
  });
  it("thins labels to the room there is", () => {
    expect(thin(5, 10)).toEqual([0, 1, 2, 3, 4]);
    expect(thin(100, 10)).toHaveLength(10);
  });
});
