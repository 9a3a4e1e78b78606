import { describe, expect, it } from "vitest";
import { describeChange, kindOf, makeChange, overrides, toggled, valueMade } from "./changes";
import type { Change } from "./liveEvents";

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

describe("protection", () => {
  it("is overridden by what says so, and taken out like any other change", () => {
    const found = toggled([], "ablate", UNIT, true);
    expect(found).toEqual([
      { id: `ablate ${UNIT}`, units: [UNIT], op: "ablate_zero", override_protection: true },
    ]);
    expect(found.map(overrides)).toEqual([true]);
    expect(overrides(makeChange("boost", UNIT))).toBe(false);
    expect(toggled(found, "ablate", UNIT)).toEqual([]);
  });
});

describe("the value that changes made", () => {
  const fired = (...ids: string[]) =>
    ids.map((id) => ({ id, fired: true, positions: 1, units: 1, delta_l2: 1 }));
  const all = (...changes: Omit<Change, "id" | "units">[]) =>
    changes.map((change, at): Change => ({ op: "", id: String(at), units: [UNIT], ...change }));
  const made = (...changes: Omit<Change, "id" | "units">[]) =>
    valueMade(all(...changes), fired("0", "1", "2"), UNIT);

  it("is what was set, and what became of that", () => {
    expect(made({ op: "ablate_zero" })).toBe(0);
    expect(made({ op: "set", value: 3 }, { op: "scale", value: 2 }, { op: "add", value: -1 })).toBe(5);
    expect(made({ op: "add", value: 3 }, { op: "ablate_zero" })).toBe(0);
  });

  it("is not told where the model's own value is in it", () => {
    expect(made({ op: "scale", value: 2 })).toBeNull();
    expect(made({ op: "ablate_zero" }, { op: "ablate_mean" })).toBeNull();
    expect(made({ op: "set", dose_quantile: 0.5 })).toBeNull();
    expect(made({ op: "ablate_zero", positions: [3] })).toBeNull();
  });

  it("is none where nothing fired, or another unit was changed", () => {
    const zero = all({ op: "ablate_zero" });
    expect(valueMade(zero, [], UNIT)).toBeNull();
    expect(valueMade(zero, [{ ...fired("0")[0], fired: false } as never], UNIT)).toBeNull();
    expect(valueMade(zero, fired("0"), "mlp_act.2:43")).toBeNull();
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
