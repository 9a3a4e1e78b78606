import { expect, it } from "vitest";
import { job } from "@/testing/fixtures";
import { fraction, isActive, paceText, pollInterval, progressText, resultText } from "./jobs";

it("polls while a job moves, and not after", () => {
  expect(pollInterval(undefined)).toBeGreaterThan(0);
  expect(pollInterval(job({ state: "queued" }))).toBeGreaterThan(0);
  expect(pollInterval(job({ state: "running" }))).toBeGreaterThan(0);
  for (const state of ["done", "failed", "cancelled", "interrupted"] as const) {
    expect(pollInterval(job({ state }))).toBe(false);
    expect(isActive(job({ state }))).toBe(false);
  }
});

it("says how far it is", () => {
  expect(fraction(job())).toBe(0.25);
  expect(fraction(job({ progress: { done: 5, total: null, unit: "", phase: "" } }))).toBeNull();
  expect(fraction(job({ state: "done", progress: { done: 0, total: null, unit: "", phase: "" } }))).toBe(1);
  expect(progressText(job())).toBe("250 of 1,000 documents");
  expect(progressText(job({ state: "queued" }))).toBe("waiting for its turn");
  expect(progressText(job({ progress: { done: 0, total: null, unit: "", phase: "" } }))).toBe("working");
});

it("says bytes as bytes, with their pace", () => {
  const at = (done: number, total: number | null, phase = "") =>
    job({ progress: { done, total, unit: "bytes", phase } });
  expect(progressText(at(1_500_000, 2e9))).toBe("1.5 MB of 2.0 GB");
  expect(progressText(at(1_500_000, null))).toBe("1.5 MB");
  expect(progressText(at(0, null))).toBe("getting ready");
  expect(progressText(at(1e9, 2e9, "fetch"))).toBe("fetching 1.0 GB of 2.0 GB");
  expect(progressText(at(1e9, 2e9, "load"))).toBe("reading weights, 1.0 GB of 2.0 GB");
  expect(progressText(at(2e9, 2e9, "load"))).toBe("checking it against Hugging Face");
  expect(paceText(at(1e9, 2e9), 5e7)).toBe("50.0 MB/s · 20 s left");
  expect(paceText(at(1e9, null), 5e7)).toBe("50.0 MB/s");
  expect(paceText(at(1e9, 2e9), null)).toBe("");
  expect(paceText(job({ progress: { done: 1, total: 9, unit: "", phase: "" } }), 10)).toBe("");
});

it("says how fast documents are read", () => {
  expect(paceText(job(), 50)).toBe("50 documents/s · 15 s left");
  expect(paceText(job(), 0.5)).toBe("0.5 documents/s · 25 min left");
  expect(paceText(job(), null)).toBe("");
});

it("takes only texts from a result", () => {
  expect(resultText(job({ result: { index_id: "x_1", k: 3 } }), "index_id")).toBe("x_1");
  expect(resultText(job({ result: { k: 3 } }), "k")).toBeNull();
  expect(resultText(undefined, "k")).toBeNull();
});
