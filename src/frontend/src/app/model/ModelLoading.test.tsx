import { screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { beforeEach, describe, expect, it } from "vitest";
import { useSession } from "@/state/session";
import { estimate, everyday, job, model } from "@/testing/fixtures";
import { expectAccessible, renderAt } from "@/testing/render";
import { type FakeServer, failure, fakeServer } from "@/testing/server";
import { ModelLoading } from "./ModelLoading";

let server: FakeServer;
const other = model({ model_id: "local/other", source: "local", loaded: false, loaded_as: null });
const load = (part: Parameters<typeof job>[0] = {}) =>
  job({ kind: "load", title: "Load local/other", model_id: "local/other", ...part });
const loads = () => server.calls.filter(({ path }) => path === "/api/models/load").map(({ body }) => body);
const now = () => new Date(Date.now() + 1000).toISOString();

function withJob(one: ReturnType<typeof job>) {
  server.on("GET /api/jobs", { body: { jobs: [one] } });
  server.on(`GET /api/jobs/${one.job_id}`, { body: one });
}

beforeEach(() => {
  server = fakeServer({ ...everyday });
  server.on("GET /api/models", { body: { models: [model(), other] } });
  server.on("POST /api/models/load", { status: 202, body: load() });
  server.on("GET /api/models/estimate", {
    body: estimate({
      fits: false,
      options: [
        { precision: "float32", bytes: 9e9, fits: false },
        { precision: "bfloat16", bytes: 4e9, fits: true },
        { precision: "nf4", bytes: 1e9, fits: true },
      ],
    }),
  });
});

describe("a model that is not in memory", () => {
  it("is one click away, and says what it takes", async () => {
    renderAt("/?model=local/other", <ModelLoading />);
    expect(await screen.findByText("local/other is not loaded yet")).toBeVisible();
    expect(screen.getByRole("status")).toHaveTextContent("It takes 21.0 MB in float32.");
    await expectAccessible(document.body);
    await userEvent.click(screen.getByRole("button", { name: "Load" }));
    await waitFor(() => expect(loads()).toEqual([{ model_id: "local/other" }]));
  });

  it("is looked for again where it is the bundled one, which loads by itself", async () => {
    server.on("GET /api/models", { body: { models: [model({ loaded: false, loaded_as: null })] } });
    renderAt("/", <ModelLoading />);
    const asked = () => server.calls.filter(({ path }) => path === "/api/models").length;
    await waitFor(() => expect(asked()).toBe(2), { timeout: 5000 });
    expect(screen.queryByRole("status")).toBeNull();
  });

  it("shows how far its bytes are while it loads, also in place of a loaded one", async () => {
    withJob(
      load({
        model_id: "neuronscope/tiny",
        progress: { done: 1e9, total: 4e9, unit: "bytes", phase: "load" },
      }),
    );
    renderAt("/", <ModelLoading />);
    expect(await screen.findByText("reading weights, 1.0 GB of 4.0 GB")).toBeVisible();
    expect(screen.getByRole("progressbar")).toHaveAttribute("aria-valuenow", "25");
  });
});

describe("a load that was cancelled", () => {
  it("says what is left of it, and leads back to the model before", async () => {
    withJob(load({ state: "cancelled", finished_at: now() }));
    renderAt("/?model=local/other", <ModelLoading />);
    useSession.setState({ cameFrom: "neuronscope/tiny" });
    expect(await screen.findByText("Loading local/other was cancelled")).toBeVisible();
    await expectAccessible(document.body);
    await userEvent.click(screen.getByRole("button", { name: "Back to neuronscope/tiny" }));
    expect(window.location.search).toBe("?model=neuronscope/tiny");
    expect(loads()).toEqual([]);
  });
});

describe("a load that failed", () => {
  const fail = (code: string, hint = "") =>
    withJob(load({ state: "failed", finished_at: now(), error: { code, message: `It is ${code}.`, hint } }));

  it("for want of memory offers what fits and what could make room", async () => {
    fail("insufficient_memory", "NF4 would fit.");
    const { loaded_as: as } = model();
    const wide = model({ model_id: "local/wide", loaded_as: as && { ...as, weight_bytes: 2e9 } });
    server.on("GET /api/models", { body: { models: [model(), wide, other] } });
    server.on("POST /api/models/unload", { body: { model_id: "local/wide", freed_bytes: 1 } });
    renderAt("/?model=local/other", <ModelLoading />);
    await userEvent.click(await screen.findByRole("button", { name: "Unload local/wide · 2.0 GB" }));
    expect(server.calls.find(({ path }) => path === "/api/models/unload")?.body).toEqual({
      model_id: "local/wide",
    });
    expect(screen.queryByRole("button", { name: /^Unload neuronscope/ })).toBeNull();
    await expectAccessible(document.body);
    await userEvent.click(await screen.findByRole("button", { name: "NF4 · 1.0 GB" }));
    await waitFor(() => expect(loads()).toEqual([{ model_id: "local/other", quantization: "nf4" }]));
    expect(screen.queryByRole("button", { name: /^float32/ })).toBeNull();
  });

  it("behind a licence leads to where it is accepted", async () => {
    fail("gated_model", "Accept it.");
    renderAt("/?model=local/other", <ModelLoading />);
    expect(await screen.findByRole("link", { name: /Open its page on the hub/ })).toHaveAttribute(
      "href",
      "https://huggingface.co/local/other",
    );
    expect(screen.getByRole("button", { name: "Try again" })).toBeVisible();
  });

  it("for good offers no second try, but another way and the way back", async () => {
    fail("unsafe_model");
    renderAt("/?model=local/other", <ModelLoading />);
    expect(await screen.findByRole("alert")).toHaveTextContent("It is unsafe_model.");
    expect(screen.queryByRole("button", { name: "Try again" })).toBeNull();
    expect(screen.getByRole("button", { name: "Use neuronscope/tiny" })).toBeVisible();
    await userEvent.click(screen.getByRole("button", { name: "Load options" }));
    expect(window.location.search).toBe("?model=local/other&load=local/other");
  });

  it("is tried again in the way that was asked for", async () => {
    server.on("POST /api/models/load", failure(409, "insufficient_memory", "It needs 9 GB."));
    renderAt("/?model=local/other", <ModelLoading />);
    await userEvent.click(await screen.findByRole("button", { name: "Load" }));
    await userEvent.click(await screen.findByRole("button", { name: "bfloat16 · 4.0 GB" }));
    await waitFor(() => expect(loads()).toHaveLength(2));
    await userEvent.click(await screen.findByRole("button", { name: "Try again" }));
    await waitFor(() => expect(loads()[2]).toEqual(loads()[1]));
    expect(loads()[1]).toEqual({ model_id: "local/other", dtype: "bfloat16", quantization: "none" });
  });
});
