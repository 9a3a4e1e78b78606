import { encode } from "@msgpack/msgpack";
import { afterEach, expect, it, vi } from "vitest";
import { TRACE_ID } from "@/testing/fixtures";
import { lightStep, step } from "@/testing/live";
import { isWhole, StepCache } from "./traceCache";

const sizeOfStep = (() => {
  const cache = new StepCache(TRACE_ID);
  cache.put(step(1));
  return (cache as unknown as { bytes: number }).bytes;
})();

let asked: string[] = [];
function serve(answer: (path: string) => Response): void {
  asked = [];
  vi.stubGlobal("fetch", async (request: Request) => {
    const { pathname } = new URL(request.url);
    asked.push(pathname);
    return answer(pathname);
  });
}
const packed = (path: string) => new Response(encode(step(Number(path.split("/").at(-1)))).slice());

afterEach(() => vi.unstubAllGlobals());

it("keeps as much as it may, and lets go what was looked at longest ago", () => {
  const cache = new StepCache(TRACE_ID, sizeOfStep * 3);
  for (const number of [1, 2, 3]) cache.put(step(number));
  cache.get(1);
  cache.put(step(4));
  expect([1, 2, 3, 4].map((number) => cache.get(number)?.step)).toEqual([1, undefined, 3, 4]);
});

it("keeps one step whatever its size", () => {
  const cache = new StepCache(TRACE_ID, 1);
  cache.put(step(1));
  cache.put(step(2));
  expect([cache.get(1), cache.get(2)?.step]).toEqual([undefined, 2]);
});

it("counts a step that comes twice once", () => {
  const cache = new StepCache(TRACE_ID, sizeOfStep * 2);
  for (const number of [1, 1, 1, 2]) cache.put(step(number));
  expect([cache.get(1)?.step, cache.get(2)?.step]).toEqual([1, 2]);
});

it("takes no step that lost its payloads on the way, but one that never had more", () => {
  const cache = new StepCache(TRACE_ID);
  cache.put(lightStep(1));
  const dropped = { policy: "drop_payload_keep_stats", bytes: 9, limit: 1, addresses: [] };
  cache.put(step(2, { dropped }));
  expect([isWhole(lightStep(1)), cache.get(1), cache.get(2)?.step]).toEqual([false, undefined, 2]);
});

it("fetches what it has not, once", async () => {
  serve(packed);
  const cache = new StepCache(TRACE_ID);
  cache.put(step(1));
  expect((await cache.load(1)).step).toBe(1);
  expect(asked).toEqual([]);
  const found = await cache.load(7);
  expect(found.entries[2]?.payload?.values).toBeInstanceOf(Uint8Array);
  expect(await cache.load(7)).toBe(found);
  expect(asked).toEqual([`/api/traces/${TRACE_ID}/steps/7`]);
});

it("tells why a step can't be had", async () => {
  serve(() =>
    Response.json({ error: { code: "not_found", message: "No step 7.", hint: "" } }, { status: 404 }),
  );
  await expect(new StepCache(TRACE_ID).load(7)).rejects.toMatchObject({ code: "not_found" });
  serve(() => new Response(encode({ type: "done", reason: "eos" }).slice()));
  await expect(new StepCache(TRACE_ID).load(7)).rejects.toThrow("is no step");
});
