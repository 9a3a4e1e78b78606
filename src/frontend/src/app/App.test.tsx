import { screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { forgetTry, noteTry, wasTried } from "@/lib/key";
import { useSession } from "@/state/session";
import { everyday, index, job, model } from "@/testing/fixtures";
import { expectAccessible, renderAt } from "@/testing/render";
import { type FakeServer, failure, fakeServer, never } from "@/testing/server";
import { GoneBanner } from "./GoneBanner";
import { JobsMenu } from "./JobsMenu";
import { resultHref } from "./jobResult";
import { addressWithKey, KeyPage } from "./KeyPage";
import { MemoryMeters } from "./MemoryMeters";
import { ModelLoading } from "./model/ModelLoading";
import { ModelSelect } from "./model/ModelSelect";
import { Shell } from "./Shell";

vi.mock("@/components/plot/plotly", () => ({ default: () => null, downloadImage: vi.fn() }));

let server: FakeServer;
beforeEach(() => {
  server = fakeServer({ ...everyday });
});

describe("the shell", () => {
  it("draws bar, rail and view, without a fault of access", async () => {
    renderAt("/", <Shell />);
    expect(await screen.findByText(/See neurons light up/, undefined, { timeout: 15_000 })).toBeVisible();
    expect(screen.getByRole("link", { name: "Explore" })).toHaveAttribute("aria-current", "page");
    expect(await screen.findByRole("meter", { name: /Memory/ })).toHaveAttribute(
      "aria-valuenow",
      "400000000",
    );
    await expectAccessible(document.body);
  });

  it("says so at an address that names no view", async () => {
    renderAt("/nowhere", <Shell />);
    expect(await screen.findByText("There is no such view")).toBeVisible();
  });

  it("opens its help with ?", async () => {
    renderAt("/", <Shell />);
    await userEvent.keyboard("{Shift>}?{/Shift}");
    expect(await screen.findByRole("dialog", { name: "Help" })).toBeVisible();
  });
});

it("asks for the key when the server refuses, and takes a whole address for it", async () => {
  const refusal = failure(401, "unauthorized", "This needs the server's access token.");
  for (const route of Object.keys(everyday)) server.on(route, refusal);
  renderAt("/", <ModelSelect />);
  await waitFor(() => expect(useSession.getState().connection).toBe("unauthorised"));
  renderAt("/", <KeyPage />);
  expect(screen.getByRole("button", { name: "Open" })).toBeDisabled();
  await userEvent.type(screen.getByLabelText("Token"), "http://127.0.0.1:5000/?token=abc");
  expect(screen.getByRole("button", { name: "Open" })).toBeEnabled();
  await expectAccessible(document.body);
});

describe("a key", () => {
  it("goes to the address that was opened", () => {
    const opened = { pathname: "/neuron", search: "?model=a/b&unit=mlp_act.0:7&token=old" };
    expect(addressWithKey(opened, "abc")).toBe("/neuron?model=a/b&unit=mlp_act.0:7&token=abc");
  });

  it("that was tried in vain is called wrong, until another is typed", async () => {
    noteTry();
    renderAt("/", <KeyPage />);
    expect(screen.getByText("That is not this server's key.")).toBeVisible();
    await userEvent.type(screen.getByLabelText("Token"), "a");
    expect(screen.queryByText("That is not this server's key.")).toBeNull();
    forgetTry();
  });

  it("that was taken is no longer a try", async () => {
    noteTry();
    renderAt("/", <ModelSelect />);
    await waitFor(() => expect(wasTried()).toBe(false));
  });
});

it("notices that the server is gone, and that it is back", async () => {
  vi.stubGlobal("fetch", () => Promise.reject(new TypeError("Failed to fetch")));
  renderAt(
    "/",
    <>
      <GoneBanner />
      <JobsMenu />
    </>,
  );
  expect(await screen.findByText("The server does not answer", undefined, { timeout: 4000 })).toBeVisible();
  fakeServer({ ...everyday, "GET /api/health": { body: { status: "ok", version: "1" } } });
  await userEvent.click(screen.getByRole("button", { name: "Try now" }));
  await waitFor(() => expect(screen.queryByText("The server does not answer")).toBeNull());
});

describe("the model selector", () => {
  const open = async () => userEvent.click(await screen.findByLabelText("Model"));

  it("lists what is there and switches, loading what is not loaded", async () => {
    server.on("POST /api/models/load", {
      status: 202,
      body: job({ kind: "load", title: "Load local/other" }),
    });
    renderAt("/?trace=t_1&tab=layers", <ModelSelect />);
    useSession.setState({ prompt: "23 +" });
    await open();
    await userEvent.click(await screen.findByRole("option", { name: /local\/other/ }));
    expect(window.location.search).toBe("?tab=layers&model=local/other");
    expect(useSession.getState().rerun).toBe(true);
    await waitFor(() => {
      const load = server.calls.find((call) => call.path === "/api/models/load");
      expect(load?.body).toEqual({ model_id: "local/other" });
    });
  });

  it("searches, and offers what looks like an id of the hub", async () => {
    renderAt("/", <ModelSelect />);
    await open();
    await userEvent.type(screen.getByLabelText("Search models"), "owner/name");
    expect((await screen.findAllByRole("option")).map((option) => option.textContent)).toEqual([
      "Load owner/name from the hub",
    ]);
    await userEvent.clear(screen.getByLabelText("Search models"));
    await userEvent.type(screen.getByLabelText("Search models"), "not there");
    expect(await screen.findByText(/No model of that name/)).toBeVisible();
    await expectAccessible(document.body);
  });

  it("takes the first that fits on Enter", async () => {
    server.on("POST /api/models/load", { status: 202, body: job({ kind: "load" }) });
    renderAt("/", <ModelSelect />);
    await open();
    await userEvent.type(screen.getByLabelText("Search models"), "owner/name{Enter}");
    await waitFor(() => expect(window.location.search).toBe("?model=owner/name"));
  });

  it("offers nothing to load before it knows what is there", async () => {
    server.on("GET /api/models", never);
    renderAt("/", <ModelSelect />);
    await open();
    await userEvent.type(screen.getByLabelText("Search models"), "neuronscope/tiny");
    expect(screen.queryByRole("option")).toBeNull();
  });

  it("is told by the meter what is in memory, and unloads it there", async () => {
    server.on("POST /api/models/unload", { body: { model_id: "neuronscope/tiny", freed_bytes: 1 } });
    renderAt("/", <MemoryMeters />);
    await userEvent.click(await screen.findByRole("button", { name: "1 model in memory" }));
    expect(await screen.findByText("15.6 MB · float32 · cpu")).toBeVisible();
    await expectAccessible(document.body);
    await userEvent.click(await screen.findByRole("button", { name: "Unload neuronscope/tiny" }));
    await waitFor(() => expect(server.calls.some((call) => call.path === "/api/models/unload")).toBe(true));
  });
});

describe("loading a model", () => {
  const models = { body: { models: [model({ loaded: false })] } };
  const load = (part = {}) => job({ kind: "load", title: "Load neuronscope/tiny", ...part });

  it("is found at work after a reload, with its progress", async () => {
    server.on("GET /api/models", models);
    server.on("GET /api/jobs", { body: { jobs: [load()] } });
    server.on(`GET /api/jobs/${load().job_id}`, { body: load() });
    renderAt("/", <ModelLoading />);
    expect(await screen.findByText("Load neuronscope/tiny")).toBeVisible();
    expect(screen.getByRole("button", { name: /^Cancel/ })).toBeVisible();
  });

  it("says why it failed, with a way to try again", async () => {
    const failed = load({
      state: "failed",
      error: { code: "x", message: "It needs 9 GB; 4 GB are free.", hint: "Unload one." },
    });
    server.on("GET /api/models", models);
    server.on("GET /api/jobs", { body: { jobs: [failed] } });
    server.on(`GET /api/jobs/${failed.job_id}`, { body: failed });
    renderAt("/", <ModelLoading />);
    expect(await screen.findByText(/9 GB/)).toBeVisible();
    expect(screen.getByText("Unload one.")).toBeVisible();
    expect(screen.getByRole("button", { name: "Try again" })).toBeVisible();
  });
});

it("says why the server refuses to load a model", async () => {
  server.on(
    "POST /api/models/load",
    failure(409, "insufficient_memory", "It needs 9 GB; 4 GB are free.", "Unload one."),
  );
  renderAt(
    "/",
    <>
      <ModelSelect />
      <ModelLoading />
    </>,
  );
  await userEvent.click(await screen.findByLabelText("Model"));
  await userEvent.click(await screen.findByRole("option", { name: /local\/other/ }));
  expect(await screen.findByRole("alert")).toHaveTextContent(
    /local\/other could not be loaded.*9 GB.*Unload one/,
  );
  await userEvent.click(screen.getByRole("button", { name: "Dismiss" }));
  expect(screen.queryByRole("alert")).toBeNull();
});

describe("jobs", () => {
  it("are listed with progress and lead to what they brought", async () => {
    const done = job({ job_id: "j_done", state: "done", finished_at: "2026-01-01T00:00:00Z" });
    server.on("GET /api/jobs", { body: { jobs: [job(), done] } });
    server.on("GET /api/jobs/j_done", { body: { ...done, result: { index_id: index().index_id } } });
    server.on("GET /api/indexes", { body: { indexes: [index()] } });
    renderAt("/", <JobsMenu />);
    await userEvent.click(await screen.findByRole("button", { name: "Jobs, 1 at work" }));
    expect(await screen.findByText("250 of 1,000 documents")).toBeVisible();
    const link = await screen.findByRole("link", { name: /^Open/ });
    expect(link.getAttribute("href")).toBe(`/indexes?model=neuronscope/tiny&index=${index().index_id}`);
    await expectAccessible(document.body);
  });

  it("lead nowhere where nothing shows their result", () => {
    expect(resultHref(job({ state: "done", result: null }), [], "")).toBeNull();
    expect(resultHref(job({ kind: "load", result: { model_id: "a/b" } }), [], "")).toBe("/?model=a/b");
    const compared = job({ kind: "precision", state: "done", result: { comparison_id: "p_1" } });
    expect(resultHref(compared, [], "")).toBe("/?model=neuronscope/tiny&card=precision&precision=p_1");
    const found = { model_id: "a/b", index_id: "x_1" };
    const shorter = job({ kind: "shortest", result: { ...found, unit: "mlp_act.0:1" } });
    expect(resultHref(shorter, [], "")).toBe(
      `/neuron?model=a/b&index=x_1&unit=mlp_act.0:1&shortJob=${shorter.job_id}`,
    );
    const together = job({ kind: "together", result: { ...found, group_id: "g_1", units: [] } });
    expect(resultHref(together, [], "")).toContain("/neuron?model=a/b&index=x_1&group=g_1&togetherJob=");
    expect(resultHref({ ...together, result: found }, [], "")).toBe("/?model=a/b");
    const layout = { trace_id: "t_1", result: { units: ["a.0:0"], coordinates: [[1, 2]] } };
    const analysis = job({ kind: "analysis", result: layout });
    expect(resultHref(analysis, [], "?model=a/b")).toContain("tab=scatter&trace=t_1&source=trace&layoutJob=");
  });
});
