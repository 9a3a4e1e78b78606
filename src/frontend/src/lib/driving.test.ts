import { expect, it } from "vitest";
import { job, shortest, together } from "@/testing/driving";
import { certaintyOf, readShortest, readTogether } from "./driving";

it("reads what a finished job of its kind found, and nothing else", () => {
  const done = job("shortest", { state: "done", result: { ...shortest } });
  expect(readShortest(done)).toMatchObject({ text: "30 = 4", after: 4 });
  expect(readTogether(done)).toBeNull();
  expect(readShortest({ ...done, state: "running" })).toBeNull();
  expect(readShortest({ ...done, result: { tokens: "no list" } })).toBeNull();
  expect(readShortest(undefined)).toBeNull();
  expect(readTogether(job("together", { state: "done", result: { ...together } }))?.certain).toBe(1);
  expect(readTogether(job("together", { state: "done", result: {} }))).toBeNull();
});

it.each([
  [{}, /^Of the first it is certain .*; 60 of 1,060 promising windows were not run\.$/],
  [{ certain: 0 }, /^It is not certain of any/],
  [{ certain: 2 }, /^It is certain that nothing in the whole corpus/],
  [{ bound: null, certain: 0 }, /^It is certain that nothing in the whole corpus/],
  [{ searched: 1060 }, /an index with a larger k could tell more\.$/],
  [{ contexts: [], certain: 0, bound: null }, /^No place/],
])("says how certain it is: %o", (part, said) => {
  expect(certaintyOf({ ...together, ...part })).toMatch(said);
});
