import { expect, it } from "vitest";
import { madeWith as made } from "@/testing/fixtures";
import { differences } from "./runSettings";

it("tells of runs only what sets them apart", () => {
  expect(differences([made({}), made({ changes: 1 })])).toEqual(["begun unchanged", "begun with 1 change"]);
  expect(
    differences([
      made({ temperature: 0.7 }),
      made({ temperature: 0.7, seed: 6 }),
      made({ max_new_tokens: 9, seed: 7 }),
    ]),
  ).toEqual([
    "temperature 0.7 · seed 5 · at most 64 tokens",
    "temperature 0.7 · seed 6 · at most 64 tokens",
    "temperature 0 · at most 9 tokens",
  ]);
});

it("tells a seed to its last digit", () => {
  const seeds = [4334741234567891, 4334741234567892];
  expect(differences(seeds.map((seed) => made({ temperature: 1, seed })))).toEqual([
    "seed 4334741234567891",
    "seed 4334741234567892",
  ]);
});

it("tells nothing of runs made alike, whose seeds drew no token", () => {
  expect(differences([made({}), made({ seed: 6 })])).toEqual(["", ""]);
  expect(differences([made({})])).toEqual([""]);
});
