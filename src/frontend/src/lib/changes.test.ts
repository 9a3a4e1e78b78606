import { describe, expect, it } from "vitest";
import { describeChange, kindOf, makeChange, toggled } from "./changes";

const UNIT = "mlp_act.2:42";

describe("boost and ablate", () => {
  it("take each other's place, and themselves out", () => {
    const boosted = toggled([], "boost", UNIT);
    expect(boosted).toEqual([{ id: `boost ${UNIT}`, units: [UNIT], op: "scale", value: 2 }]);
    const ablated = toggled(boosted, "ablate", UNIT);
    expect(kindOf(ablated, UNIT)).toBe("ablate");
    expect(ablated).toHaveLength(1);
    expect(toggled(ablated, "ablate", UNIT)).toEqual([]);
  });

  it("leave other units and other people's changes alone", () => {
    const other = { id: "i1", units: [UNIT], op: "add", value: 1 };
    const found = toggled([other, makeChange("boost", "mlp_act.0:1")], "boost", UNIT);
    expect(found.map(({ id }) => id)).toEqual(["i1", "boost mlp_act.0:1", `boost ${UNIT}`]);
    expect(kindOf([other], UNIT)).toBeNull();
  });
});

describe("in words", () => {
  it.each([
    [{ op: "scale", value: 2 }, "mlp_act.2:42 × 2"],
    [{ op: "set", value: -1.5 }, "mlp_act.2:42 = −1.5"],
    [{ op: "set", dose_quantile: 0.99 }, "mlp_act.2:42 = its 99 % quantile"],
    [{ op: "add", value: 3 }, "mlp_act.2:42 + 3"],
    [{ op: "ablate_zero" }, "mlp_act.2:42 = 0"],
    [{ op: "ablate_mean", reference: "x_1" }, "mlp_act.2:42 = its mean"],
    [{ op: "patch", source: { trace_id: "t_1", step: 0, position: 2 } }, "mlp_act.2:42 from trace t_1"],
    [{ op: "later" }, "mlp_act.2:42: later"],
  ])("%j", (fields, words) => expect(describeChange({ id: "a", units: [UNIT], ...fields })).toBe(words));

  it("counts further units", () => {
    const units = [UNIT, "mlp_act.2:43", "mlp_act.2:44"];
    expect(describeChange({ id: "a", units, op: "ablate_zero" })).toBe("mlp_act.2:42 and 2 more = 0");
  });
});
