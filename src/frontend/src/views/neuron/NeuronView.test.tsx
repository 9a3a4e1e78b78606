import { screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { beforeEach, describe, expect, it } from "vitest";
import { corpusName } from "@/lib/corpusName";
import { everyday, INDEX_ID, job, neuronTop } from "@/testing/fixtures";
import { indexed, UNIT_PAGE } from "@/testing/indexed";
import { expectAccessible, renderAt } from "@/testing/render";
import { type FakeServer, failure, fakeServer, never } from "@/testing/server";
import NeuronView from "./NeuronView";
import { peakPlace, reachOf } from "./peaks";

let server: FakeServer;
beforeEach(() => {
  server = fakeServer({
    ...everyday,
    "GET /api/corpora": {
      body: { corpora: [{ corpus: "bundled", documents: null, bytes: null, fields: [] }] },
    },
  });
});

describe("with an index", () => {
  beforeEach(() => {
    for (const [route, answer] of Object.entries(indexed)) server.on(route, answer);
  });

  it("shows contexts with a value on every token, tokens, n-grams and figures", async () => {
    renderAt(UNIT_PAGE, <NeuronView />);
    const contexts = await screen.findByTestId("contexts");
    const chips = within(within(contexts).getByRole("toolbar")).getAllByRole("button");
    expect(chips.map((chip) => chip.dataset.value)).toEqual(["0.5", "4.5", "-0.25"]);
    expect(within(contexts).getByText("arithmetic")).toBeVisible();
    expect(screen.getByText("12.3 %")).toBeVisible();
    await userEvent.click(screen.getByText("3", { selector: "label *" }));
    expect(window.location.search).toContain("n=3");
    await expectAccessible(document.body);
  });

  it("steps to its neighbours, no further than the model goes", async () => {
    renderAt(UNIT_PAGE, <NeuronView />);
    await screen.findByText("of 8");
    expect(screen.getByRole("button", { name: "Next neuron" })).toBeDisabled();
    await userEvent.click(screen.getByRole("button", { name: "Previous neuron" }));
    expect(window.location.search).toContain("unit=mlp_act.0:6");
    await userEvent.click(screen.getByRole("button", { name: "Next layer" }));
    expect(window.location.search).toContain("unit=mlp_act.1:6");
  });

  it("tells which neurons a token drives", async () => {
    const neurons = [{ point: "mlp_act", layer: 1, unit: 3, max: 2, mean: 1, count: 4 }];
    server.on("GET /api/tokens/top", { body: { model_id: "", index_id: INDEX_ID, token: " +", neurons } });
    renderAt(UNIT_PAGE, <NeuronView />);
    const [, peak] = within(await screen.findByTestId("contexts")).getAllByRole("button");
    if (peak) await userEvent.click(peak);
    const link = await screen.findByRole("link", { name: "mlp_act.1:3" });
    expect(link.getAttribute("href")).toContain("unit=mlp_act.1:3");
    expect(server.calls.find((call) => call.path === "/api/tokens/top")?.query.get("token")).toBe(" +");
  });

  it("finds its neighbours when asked, and says why it could not", async () => {
    server.on("GET /api/neurons/neighbours", failure(400, "bad_request", "The index keeps no sample."));
    renderAt(UNIT_PAGE, <NeuronView />);
    await userEvent.click(await screen.findByRole("button", { name: "Find its neighbours" }));
    expect(await screen.findByText("The index keeps no sample.")).toBeVisible();
    const neighbours = [
      { point: "mlp_act", layer: 1, unit: 2, correlation: 0.75, without_peak: 0.7 },
      { point: "mlp_act", layer: 0, unit: 4, correlation: -0.5, without_peak: 0.1 },
    ];
    const body = { model_id: "", index_id: INDEX_ID, names: ["mlp_act.0:7"], sample: 950, neighbours };
    server.on("GET /api/neurons/neighbours", { body });
    await userEvent.click(screen.getByRole("button", { name: "Try again" }));
    const link = await screen.findByRole("link", { name: "mlp_act.1:2" });
    expect(link.getAttribute("href")).toContain("unit=mlp_act.1:2");
    expect(screen.getByText("−0.5000")).toBeVisible();
    expect(screen.getByText("over a sample of 950 tokens")).toBeVisible();
    expect(window.location.search).toContain("near=1");
    expect(server.calls.findLast((call) => call.path.endsWith("/neighbours"))?.query.get("unit")).toBe(
      "mlp_act.0:7",
    );
  });

  it("reads any text as it is typed", async () => {
    server.on("POST /api/neurons/activations", {
      body: {
        model_id: "",
        layer: 0,
        unit: 7,
        tokens: ["<s>", "hi"],
        special: [true, false],
        activations: [9, 1.5],
      },
    });
    renderAt(UNIT_PAGE, <NeuronView />);
    await userEvent.type(await screen.findByLabelText("Text to try"), "hi");
    const probe = await screen.findByTestId("probe");
    expect(within(probe).getByText(/highest on “hi”: 1.5/)).toBeVisible();
  });

  it("shows why the contexts could not be read, and tries again", async () => {
    server.on("GET /api/neurons/top", failure(404, "out_of_range", "Layer 0 has 4 neurons.", "Take 0 to 3."));
    renderAt(UNIT_PAGE, <NeuronView />);
    const alert = await screen.findByRole("alert");
    expect(alert).toHaveTextContent(/4 neurons.*Take 0 to 3/);
    server.on("GET /api/neurons/top", { body: neuronTop });
    await userEvent.click(within(alert).getByRole("button", { name: "Try again" }));
    expect(await screen.findByTestId("contexts")).toBeVisible();
  });
});

describe("without an index", () => {
  it("offers to build one, and shows the build at work", async () => {
    server.on("POST /api/indexes", { status: 202, body: job() });
    server.on(`GET /api/jobs/${job().job_id}`, { body: job() });
    renderAt(UNIT_PAGE, <NeuronView />);
    await userEvent.click(await screen.findByRole("button", { name: "Build" }));
    expect(await screen.findByText("250 of 1,000 documents")).toBeVisible();
    expect(server.calls.find((call) => call.method === "POST")?.body).toEqual({
      model_id: "neuronscope/tiny",
      corpus: "bundled",
      documents: null,
      k: 32,
    });
    await expectAccessible(document.body);
  });

  it("finds a build at work again after a reload, and shows the contexts when it is done", async () => {
    const path = `GET /api/jobs/${job().job_id}`;
    server.on("GET /api/jobs", { body: { jobs: [job()] } });
    server.on(path, { body: job() });
    renderAt(UNIT_PAGE, <NeuronView />);
    expect(await screen.findByText("250 of 1,000 documents")).toBeVisible();
    for (const [route, answer] of Object.entries(indexed)) server.on(route, answer);
    server.on(path, { body: job({ state: "done", result: { index_id: INDEX_ID } }) });
    expect(await screen.findByTestId("contexts", undefined, { timeout: 4000 })).toBeVisible();
    expect(window.location.search).toContain(`index=${INDEX_ID}`);
  });

  it("says why a build was refused", async () => {
    server.on("POST /api/indexes", failure(409, "insufficient_memory", "It would need 12 GB."));
    renderAt(UNIT_PAGE, <NeuronView />);
    await userEvent.click(await screen.findByRole("button", { name: "Build" }));
    expect(await screen.findByRole("alert")).toHaveTextContent("12 GB");
  });
});

it("offers to build nothing on a model that is not there", async () => {
  renderAt("/neuron?model=foo/bar&unit=mlp_act.0:7", <NeuronView />);
  expect(await screen.findByText("foo/bar is not on this machine")).toBeVisible();
  expect(screen.queryByRole("button", { name: "Build" })).toBeNull();
  expect(screen.queryByLabelText("Text to try")).toBeNull();
});

it("shows skeletons while it loads, never an empty page", async () => {
  server.on("GET /api/indexes", never);
  renderAt(UNIT_PAGE, <NeuronView />);
  expect(screen.getByRole("heading", { name: "mlp_act.0:7" })).toBeVisible();
  expect(document.querySelector(".mantine-Skeleton-root")).not.toBeNull();
});

it.each(["/neuron", "/neuron?unit=nonsense", "/neuron?unit=ln_f:3"])(
  "asks which neuron at %s",
  async (address) => {
    renderAt(address, <NeuronView />);
    expect(screen.getByRole("link", { name: "Explore" })).toBeVisible();
    await userEvent.click(screen.getByRole("button", { name: "Open" }));
    await waitFor(() => expect(window.location.search).toContain("unit=mlp_act.0:0"));
  },
);

it("finds peaks and reaches outside special tokens", () => {
  expect(peakPlace([9, -3, -2], [true, false, false])).toBe(2);
  expect(peakPlace([9], [true])).toBe(-1);
  expect(reachOf([9, -3, 2], [true, false, false])).toBe(3);
});

it.each([
  ["My Corpus.TXT", "my-corpus"],
  ["...", "corpus"],
  ["été.jsonl", "t"],
  ["_x.txt", "x"],
])("names the corpus of %s %s", (file, name) => expect(corpusName(file)).toBe(name));
