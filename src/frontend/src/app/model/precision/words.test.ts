import { describe, expect, it } from "vitest";
import { comparison } from "@/testing/precision";
import { scatterData, scatterLayout, shownPlaces } from "./scatter";
import {
  layerSentence,
  lossSentence,
  memorySentence,
  showCorrelation,
  showSigned,
  worstFirst,
} from "./words";

describe("a comparison in words", () => {
  it("tells memory, loss and layers", () => {
    expect(memorySentence(comparison())).toBe(
      "In NF4 the weights take 25.0 % of the memory of float32: 1.5 MB instead of 6.0 MB.",
    );
    expect(lossSentence(comparison())).toBe(
      "It finds the same next token likeliest at 87.5 % of the positions; the loss on the prompts rises from 3.200 to 3.500 nats a token.",
    );
    expect(layerSentence(comparison())).toContain("Layer 1 changes most");
    expect(layerSentence(comparison())).toContain("25.0 % of its neurons correlate below 0.9");
    expect(layerSentence(comparison())).toContain("Layer 0 changes least, with 0.990.");
  });

  it("says so where nothing differs or nothing can be said", () => {
    const same = comparison({ weight_bytes_b: 6_000_000, loss_b: 3.2001 });
    expect(memorySentence(same)).toContain("as much memory as float32");
    expect(lossSentence(same)).toContain("stays at 3.200 nats");
    expect(lossSentence(comparison({ loss_a: null }))).toMatch(/positions\.$/);
    expect(memorySentence(comparison({ weight_bytes_b: 12_000_000 }))).toContain("2.0 times the memory of");
    const [only] = comparison().layers;
    expect(layerSentence(comparison({ layers: [{ ...only, median_correlation: null } as never] }))).toContain(
      "No neuron changes",
    );
  });

  it("puts the worst layer first and the one without a figure last", () => {
    const [first, second] = comparison().layers;
    const unknown = { ...first, layer: 7, median_correlation: null } as NonNullable<typeof first>;
    const order = worstFirst([unknown, ...(first && second ? [first, second] : [])]);
    expect(order.map(({ layer }) => layer)).toEqual([1, 0, 7]);
  });

  it("writes signs that a person reads", () => {
    expect(showCorrelation(-0.5)).toBe("−0.500");
    expect(showCorrelation(null)).toBe("–");
    expect(showSigned(-0.25)).toBe("−0.250");
    expect(showSigned(3, 0)).toBe("+3");
    expect(showSigned(-0.0001)).toBe("0.000");
  });
});

describe("the scatter", () => {
  it("leaves out what has no figure, and what lies in another layer", () => {
    const { points } = comparison();
    expect(shownPlaces(points, "change", null)).toEqual([0, 1, 3]);
    expect(shownPlaces(points, "means", null)).toEqual([0, 1, 2, 3]);
    expect(shownPlaces(points, "change", 1)).toEqual([3]);
  });

  it("carries each neuron's address, and draws the line of no change between the means", () => {
    const [trace] = scatterData(comparison(), "change", null, "dark") as {
      customdata: string[];
      x: number[];
    }[];
    expect(trace?.customdata).toEqual(["mlp_act.0:0", "mlp_act.0:1", "mlp_act.1:1"]);
    expect(trace?.x).toEqual([0.99, 0.8, 0.95]);
    expect(scatterLayout(comparison(), "means", "dark").shapes).toHaveLength(1);
    expect(scatterLayout(comparison(), "change", "dark").shapes).toHaveLength(0);
  });
});
