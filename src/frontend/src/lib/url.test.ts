import { describe, expect, it } from "vitest";
import { patchSearch, readChoice, readFlag, readInt, readPrefixed } from "./url";

describe("the address", () => {
  it("changes some keys and keeps the others", () => {
    expect(patchSearch("?model=a/b&layer=3", { layer: 4, tab: "scatter" })).toBe(
      "?model=a/b&layer=4&tab=scatter",
    );
  });

  it("takes out what is back at its default", () => {
    expect(patchSearch("?log=1&top=20&clip=99", { log: false, top: null, clip: undefined })).toBe("");
    expect(patchSearch("", { log: true })).toBe("?log=1");
  });

  it("stays readable and comes back as it was", () => {
    const search = patchSearch("", { model: "local/a b&c", unit: "mlp_act.3:42" });
    expect(search).toContain("unit=mlp_act.3:42");
    expect(new URLSearchParams(search).get("model")).toBe("local/a b&c");
  });
});

describe("reading it", () => {
  const params = new URLSearchParams("?by=variance&layer=7&bad=x&log=1&p.k=5&p.seed=1");
  it("takes only what it knows", () => {
    expect(readChoice(params, "by", ["max", "variance"], "max")).toBe("variance");
    expect(readChoice(params, "bad", ["max", "variance"], "max")).toBe("max");
  });
  it("takes only whole numbers, inside their range", () => {
    expect(readInt(params, "layer", 0)).toBe(7);
    expect(readInt(params, "layer", 0, 0, 5)).toBe(5);
    expect(readInt(params, "bad", 3)).toBe(3);
    expect(readInt(params, "none", 3)).toBe(3);
  });
  it("reads flags and prefixed keys", () => {
    expect(readFlag(params, "log")).toBe(true);
    expect(readFlag(params, "values")).toBe(false);
    expect(readPrefixed(params, "p.")).toEqual({ k: "5", seed: "1" });
  });
});
