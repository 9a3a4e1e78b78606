/** Precisions as a person reads them and as a request for a load asks for them. */

import type { LoadedAs, LoadRequest, ModelEntry, Need, Precision } from "@/api/types";

export const PRECISIONS: readonly Precision[] = ["float32", "bfloat16", "float16", "int8", "nf4"];

const WORDS: Record<Precision, string> = {
  float32: "float32",
  bfloat16: "bfloat16",
  float16: "float16",
  int8: "int8",
  nf4: "NF4",
};

export const PRECISION_ABOUT: Record<Precision, string> = {
  float32: "4 bytes a weight, exact to seven digits",
  bfloat16: "2 bytes a weight, the range of float32",
  float16: "2 bytes a weight, finer but of smaller range",
  int8: "1 byte a weight of the linear layers",
  nf4: "half a byte a weight of the linear layers",
};

export const precisionWord = (precision: Precision) => WORDS[precision];

/** What a load request says of the precision; null leaves the choice to the server. */
export function precisionOptions(
  precision: Precision | null,
): Pick<LoadRequest, "dtype" | "quantization"> | Record<string, never> {
  if (precision === null) return {};
  return precision === "nf4" || precision === "int8"
    ? { quantization: precision }
    : { dtype: precision, quantization: "none" };
}

/** `NF4`, `bfloat16`: in what a loaded model computes, quantization first. */
export function loadedWord({ dtype, quantization }: Pick<LoadedAs, "dtype" | "quantization">): string {
  return quantization === "none" ? dtype : WORDS[quantization];
}

/** The need of the precision that would be chosen now; null where it is not known. */
export const chosenNeed = ({ needs, estimated_bytes }: Pick<ModelEntry, "needs" | "estimated_bytes">) =>
  needs.find(({ bytes }) => bytes === estimated_bytes) ?? null;

/** The precisions that fit now, the most exact first. */
export const fitting = (needs: readonly Need[]): Need[] =>
  PRECISIONS.flatMap((precision) => needs.filter((need) => need.fits && need.precision === precision));
