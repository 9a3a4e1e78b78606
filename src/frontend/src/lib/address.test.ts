import { describe, expect, it } from "vitest";
import { clampIndex, formatUnit, parseAddress, parseUnit } from "./address";

describe("addresses", () => {
  it("reads what it writes", () => {
    const unit = { point: "mlp_act", layer: 3, index: 42 };
    expect(formatUnit(unit)).toBe("mlp_act.3:42");
    expect(parseUnit("mlp_act.3:42")).toEqual(unit);
    expect(parseAddress("resid_post.11")).toEqual({ point: "resid_post", layer: 11 });
  });

  it.each([
    "",
    "mlp_act",
    "mlp_act.3",
    "mlp_act.x:1",
    "mlp_act.3:-1",
    "MLP.3:1",
    "mlp_act.3:1 ",
    "../3:1",
    null,
  ])("refuses %j as a unit", (text) => expect(parseUnit(text)).toBeNull());

  it("keeps a stepper inside", () => {
    expect([clampIndex(-1, 5), clampIndex(2, 5), clampIndex(5, 5)]).toEqual([0, 2, 4]);
  });
});
