import { describe, expect, it, vi } from "vitest";
import { failure, fakeServer } from "@/testing/server";
import { ApiError, client, unwrap } from "./client";

const ask = () =>
  unwrap(client.GET("/api/health")).then(
    () => null,
    (error: unknown) => error,
  );

describe("an error", () => {
  it("carries what the server said", async () => {
    fakeServer({ "GET /api/health": failure(409, "insufficient_memory", "Too large.", "Unload one.") });
    expect(await ask()).toMatchObject({
      status: 409,
      code: "insufficient_memory",
      message: "Too large.",
      hint: "Unload one.",
    });
  });

  it("is made up where the answer is none of ours", async () => {
    fakeServer({ "GET /api/health": { status: 418, body: "teapot" } });
    expect(await ask()).toMatchObject({
      status: 418,
      code: "unexpected",
      message: "The server answered with status 418.",
    });
  });

  it.each([502, 504, 500])("means that the server is gone, from a proxy's %i", async (status) => {
    fakeServer({ "GET /api/health": { status, body: "" } });
    expect(await ask()).toMatchObject({ status: 0, code: "unreachable" });
  });

  it("means the same where no answer came at all", async () => {
    vi.stubGlobal("fetch", () => Promise.reject(new TypeError("Failed to fetch")));
    const error = await ask();
    expect(error).toBeInstanceOf(ApiError);
    expect(error).toMatchObject({ status: 0, code: "unreachable" });
  });

  it("stays what it is where the page itself gave up", async () => {
    vi.stubGlobal("fetch", () => Promise.reject(new DOMException("gone", "AbortError")));
    expect(await ask()).toMatchObject({ name: "AbortError" });
  });
});
