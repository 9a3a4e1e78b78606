import { describe, expect, it } from "vitest";
import type { Parameter } from "@/api/types";
import {
  labelOf,
  mergeParameters,
  parseParameter,
  pickDeclared,
  problemWith,
  valuesFrom,
} from "./parameters";

const declare = (part: Partial<Parameter> & Pick<Parameter, "name" | "kind" | "default">): Parameter => ({
  minimum: null,
  maximum: null,
  choices: null,
  help: "",
  ...part,
});
const k = declare({ name: "k", kind: "int", default: 8, minimum: 2, maximum: 100 });
const perplexity = declare({ name: "perplexity", kind: "float", default: 30, minimum: 2, maximum: 200 });
const normalise = declare({
  name: "normalise",
  kind: "choice",
  default: "zscore",
  choices: ["none", "zscore"],
});
const exact = declare({ name: "exact", kind: "bool", default: false });

describe("values from texts of the address", () => {
  it.each([
    [k, "12", 12],
    [k, "1", 1],
    [k, "2.5", 2.5],
    [k, "x", 8],
    [k, "", 8],
    [k, undefined, 8],
    [perplexity, "2.5", 2.5],
    [perplexity, "Infinity", 30],
    [normalise, "none", "none"],
    [normalise, "other", "zscore"],
    [exact, "true", true],
    [exact, undefined, false],
  ])("%o from %j is %j", (parameter, text, value) => expect(parseParameter(parameter, text)).toBe(value));

  it("falls back on the range or the choices where the declaration has no default of its kind", () => {
    expect(parseParameter({ ...k, default: null }, undefined)).toBe(2);
    expect(parseParameter({ ...normalise, default: null }, undefined)).toBe("none");
  });
});

it.each([
  [k, 1, "At least 2"],
  [k, 101, "At most 100"],
  [k, 2.5, "Enter a whole number"],
  [k, "", "Enter a number"],
  [perplexity, 2.5, null],
  [normalise, "other", "Choose one of the list"],
  [exact, true, null],
])("says what is wrong with %o = %j", (parameter, value, problem) => {
  expect(problemWith(parameter, value)).toBe(problem);
});

it("asks for a shared parameter once and sends it to both", () => {
  const merged = mergeParameters([perplexity, normalise], [k, normalise]);
  expect(merged.map((one) => one.name)).toEqual(["perplexity", "normalise", "k"]);
  const values = valuesFrom(merged, { normalise: "none", k: "3" });
  expect(pickDeclared([k, normalise], values)).toEqual({ k: 3, normalise: "none" });
  expect(pickDeclared([perplexity, normalise], values)).toEqual({ perplexity: 30, normalise: "none" });
});

it("makes labels", () => expect(labelOf({ name: "max_units" })).toBe("Max units"));
