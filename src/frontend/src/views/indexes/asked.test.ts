import { describe, expect, it } from "vitest";
import { index } from "@/testing/fixtures";
import { pressHead, readAsked } from "./asked";

const asked = (search: string, part = {}) =>
  readAsked(new URLSearchParams(search), "neuronscope/tiny", index(part));

describe("what the address asks for", () => {
  it("is the strongest neurons first where it says nothing", () => {
    expect(asked("")).toEqual({
      model_id: "neuronscope/tiny",
      index_id: index().index_id,
      sort: "max",
      descending: true,
      point: "mlp_act",
      search: "",
    });
  });

  it("holds order, search, layers and bounds", () => {
    expect(asked("sort=min&q=+the&layers=1&rateMin=5&rateMax=250&maxMin=-1.5&kurtosisMin=3")).toMatchObject({
      sort: "min",
      descending: false,
      search: " the",
      layers: [1],
      min_firing_rate: 0.05,
      max_firing_rate: 1,
      min_max: -1.5,
      min_kurtosis: 3,
    });
  });

  it("turns each column's own order", () => {
    expect(asked("sort=max&turned=1")).toMatchObject({ sort: "max", descending: false });
    expect(asked("sort=layer&turned=1")).toMatchObject({ sort: "layer", descending: true });
  });

  it.each(["sort=nonsense", "layers=99", "layers=x", "rateMin=x", "rateMin=", "point=nope"])(
    "is not misled by %s",
    (search) => expect(asked(search)).toEqual(asked("")),
  );

  it("lists what an index without neurons holds", () => {
    const points = ["resid_post", "head_norm"];
    expect(asked("", { points })).toMatchObject({ point: "resid_post" });
    expect(asked("point=head_norm", { points })).toMatchObject({ point: "head_norm" });
  });
});

it("sorts by another column, and turns the same one", () => {
  const press = (search: string, sort: "max" | "mean") => pressHead(new URLSearchParams(search), sort);
  expect(press("", "mean")).toEqual({ sort: "mean", turned: false });
  expect(press("", "max")).toEqual({ sort: "max", turned: true });
  expect(press("sort=max&turned=1", "max")).toEqual({ sort: "max", turned: false });
  expect(press("sort=max&turned=1", "mean")).toEqual({ sort: "mean", turned: false });
});
