import { describe, expect, it } from "vitest";
import { model } from "@/testing/fixtures";
import { chosenNeed, fitting, loadedWord, precisionOptions } from "./precision";

const need = (precision: "float32" | "bfloat16" | "nf4", bytes: number, fits: boolean) => ({
  precision,
  bytes,
  fits,
});

describe("a precision", () => {
  it("is asked for as a dtype or as a quantization, and not at all where the server chooses", () => {
    expect(precisionOptions(null)).toEqual({});
    expect(precisionOptions("nf4")).toEqual({ quantization: "nf4" });
    // Without the second word, a large model would come quantized although a dtype was named.
    expect(precisionOptions("bfloat16")).toEqual({ dtype: "bfloat16", quantization: "none" });
  });

  it("is called by its quantization where it has one", () => {
    expect(loadedWord({ dtype: "bfloat16", quantization: "none" })).toBe("bfloat16");
    expect(loadedWord({ dtype: "bfloat16", quantization: "nf4" })).toBe("NF4");
  });

  it("that would be chosen is the one that the server's estimate is of", () => {
    const needs = [need("float32", 40, false), need("nf4", 8, true)];
    expect(chosenNeed(model({ needs, estimated_bytes: 8 }))?.precision).toBe("nf4");
    expect(chosenNeed(model({ needs: [], estimated_bytes: null }))).toBeNull();
  });

  it("that fits is offered, the most exact first", () => {
    const needs = [need("nf4", 8, true), need("float32", 40, false), need("bfloat16", 20, true)];
    expect(fitting(needs).map(({ precision }) => precision)).toEqual(["bfloat16", "nf4"]);
  });
});
