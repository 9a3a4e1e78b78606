import { screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { beforeEach, describe, expect, it } from "vitest";
import type { Comparison, Example } from "@/api/types";
import { job, shortest } from "@/testing/driving";
import { examples, INDEX_ID, index, model, neuronTop } from "@/testing/fixtures";
import { indexedServer, OTHER_INDEX_ID, UNIT_PAGE } from "@/testing/indexed";
import { expectAccessible, renderAt } from "@/testing/render";
import { type FakeServer, failure } from "@/testing/server";
import NeuronView from "./NeuronView";

const JOB = job("shortest").job_id;

let server: FakeServer;
beforeEach(() => {
  server = indexedServer();
});

describe("the histogram", () => {
  it("draws the sample's counts, with the figures of the whole corpus beside it", async () => {
    renderAt(UNIT_PAGE, <NeuronView />);
    const picture = await screen.findByTestId("histogram");
    expect(picture).toHaveAccessibleName(
      "Histogram of 590 tokens, from −1.000 to 4.500; above zero on 12.3 %",
    );
    // From 1 to 400 tokens: too far apart for a plain scale.
    expect(picture).toHaveAttribute("data-log");
    expect(screen.getByText(/^over a sample of 590 tokens; tokens per /)).toBeVisible();
    // The figures above it are of all tokens.
    expect(screen.getByText("over all 1,000 tokens")).toBeVisible();
    expect(server.asked("/api/neurons/examples")?.query.get("unit")).toBe("mlp_act.0:7");
  });

  it("says so where the unit never varies, or the sample is empty", async () => {
    const flat = { ...neuronTop, stats: { mean: 0, std: 0, max: 0, min: 0, firing_rate: 0 } };
    server.on("GET /api/neurons/top", { body: flat });
    const page = renderAt(UNIT_PAGE, <NeuronView />);
    expect(await screen.findByText("It is 0 on every token of the corpus.")).toBeVisible();
    page.unmount();
    const spread = { ...examples.spread, tokens: 0 };
    server.on("GET /api/neurons/examples", { body: { ...examples, spread } });
    renderAt(UNIT_PAGE, <NeuronView />);
    expect(await screen.findByText(/too small for a histogram/)).toBeVisible();
  });

  it("says why it could not be had", async () => {
    server.on("GET /api/neurons/examples", failure(409, "damaged", "Its spread is broken."));
    renderAt(UNIT_PAGE, <NeuronView />);
    expect(await screen.findByRole("alert")).toHaveTextContent("Its spread is broken.");
  });
});

describe("what it writes", () => {
  it("lists the tokens that it raises and lowers, and what the path leaves out", async () => {
    renderAt(UNIT_PAGE, <NeuronView />);
    const found = await screen.findByTestId("writes");
    expect(
      within(found)
        .getAllByRole("listitem")
        .map((row) => row.textContent),
    ).toEqual(["·four2.500", "four1.250", "·cat−1.500"]);
    expect(screen.getByText(/Left out: what later layers make of it; the division/)).toBeVisible();
  });

  it("says why nothing leads to the logits, without calling it a fault", async () => {
    server.on("GET /api/neurons/writes", failure(422, "point_unavailable", "Nothing leads from it."));
    renderAt(UNIT_PAGE, <NeuronView />);
    expect(await screen.findByText("Nothing leads from it.")).toBeVisible();
    expect(screen.queryByRole("alert")).toBeNull();
  });

  it("does not load a model unasked", async () => {
    server.on("GET /api/models", { body: { models: [model({ loaded: false, loaded_as: null })] } });
    renderAt(UNIT_PAGE, <NeuronView />);
    const button = await screen.findByRole("button", { name: "Load it and read them" });
    expect(server.asked("/api/neurons/writes")).toBeUndefined();
    await userEvent.click(button);
    expect(await screen.findByTestId("writes")).toBeVisible();
  });
});

describe("contexts", () => {
  it("are also those of other bands, with only the peak's value known", async () => {
    renderAt(UNIT_PAGE, <NeuronView />);
    await screen.findByTestId("contexts");
    await userEvent.click(screen.getByText("Near zero"));
    await waitFor(() => expect(server.asked("/api/neurons/examples")?.query.get("band")).toBe("near_zero"));
    expect(window.location.search).toContain("band=near_zero");
    const chips = within(await screen.findByRole("toolbar", { name: /Context 1/ })).getAllByRole("button");
    expect(chips.map((chip) => chip.dataset.value)).toEqual([undefined, "1.5", undefined]);
    expect(screen.queryByRole("button", { name: "Shorten context 1" })).toBeNull();
    await expectAccessible(document.body);
  });

  it("are also the lowest, the most negative first, with a bar and colours by their size", async () => {
    const place = examples.examples[0] as Example;
    server.on("GET /api/neurons/examples", {
      body: {
        ...examples,
        examples: [
          { ...place, activation: -0.5 },
          { ...place, doc: 4, activation: -1 },
        ],
      },
    });
    renderAt(`${UNIT_PAGE}&band=lowest`, <NeuronView />);
    expect(await screen.findByText(/the lowest twentieth of a sample/)).toBeVisible();
    await waitFor(() => expect(screen.getAllByTestId("context")).toHaveLength(2));
    const wanted = server.calls.find((call) => call.query.get("band") === "quantile")?.query;
    expect([wanted?.get("low"), wanted?.get("high")]).toEqual(["0", "0.05"]);
    expect(screen.getAllByTestId("context-activation").map((one) => one.dataset.value)).toEqual([
      "-1",
      "-0.5",
    ]);
  });

  it("are searched by the server, and say when none holds the text", async () => {
    server.on("GET /api/neurons/top", ({ url }) => ({
      body: url.searchParams.get("contains") ? { ...neuronTop, contexts: [] } : neuronTop,
    }));
    renderAt(UNIT_PAGE, <NeuronView />);
    await userEvent.type(await screen.findByLabelText("Only contexts that hold"), "moo");
    expect(await screen.findByText("No context holds that")).toBeVisible();
    expect(server.asked("/api/neurons/top")?.query.get("contains")).toBe("moo");
    expect(window.location.search).toContain("has=moo");
  });

  it("show the whole window, run again, and go back to the excerpt", async () => {
    server.on("POST /api/neurons/window", {
      body: {
        ...examples,
        tokens: ["<s>", " +", "12", " +", " 30", "."],
        special: [true, false, false, false, false, false],
        activations: [9, 4.1, 0.5, 4.49, 0.1, 0.2],
      },
    });
    renderAt(UNIT_PAGE, <NeuronView />);
    await userEvent.click(await screen.findByRole("button", { name: "Whole window of context 1" }));
    const strip = await screen.findByRole("toolbar", { name: /Context 1/ });
    await waitFor(() =>
      expect(within(strip.isConnected ? strip : document.body).getAllByText("12")).toHaveLength(1),
    );
    const shown = within(screen.getByRole("toolbar", { name: /Context 1/ })).getAllByRole("button");
    expect(shown.map((chip) => chip.dataset.peak)).toEqual([
      undefined,
      undefined,
      undefined,
      "true",
      undefined,
      undefined,
    ]);
    expect(server.asked("/api/neurons/window")?.body).toEqual({
      model_id: "neuronscope/tiny",
      index_id: INDEX_ID,
      unit: "mlp_act.0:7",
      doc: 3,
      window: 0,
    });
    await userEvent.click(screen.getByRole("button", { name: "Excerpt of context 1" }));
    expect(within(screen.getByRole("toolbar", { name: /Context 1/ })).getAllByRole("button")).toHaveLength(3);
  });
});

describe("the shortest driving text", () => {
  it("is searched for as a job with progress, and stands below its context", async () => {
    server.on("POST /api/neurons/shortest", { status: 202, body: job("shortest") });
    server.on(`GET /api/jobs/${JOB}`, { body: job("shortest") });
    renderAt(UNIT_PAGE, <NeuronView />);
    await userEvent.click(await screen.findByRole("button", { name: "Shorten context 1" }));
    expect(await screen.findByText("40 of 1,000 tokens")).toBeVisible();
    expect(screen.getByRole("button", { name: "Shorten context 1" })).toBeDisabled();
    expect(server.asked("/api/neurons/shortest")?.body).toEqual({
      model_id: "neuronscope/tiny",
      unit: "mlp_act.0:7",
      index_id: INDEX_ID,
      rank: 0,
    });
    expect(window.location.search).toContain(`short=0&shortJob=${JOB}`);
    server.on(`GET /api/jobs/${JOB}`, { body: job("shortest", { state: "done", result: { ...shortest } }) });
    const found = await screen.findByTestId("shortest-tokens", undefined, { timeout: 4000 });
    expect(found).toHaveTextContent("30·=·4");
    expect(found.closest("li")).toBe(screen.getByTestId("context"));
    expect(
      screen.getByText(/3 of 5 tokens keep 88.9 % of 4.500. 1 were cut from the left, 1 left out/),
    ).toBeVisible();
    await expectAccessible(document.body);
    await userEvent.click(screen.getByRole("button", { name: "Close the shortest text" }));
    expect(window.location.search).toBe("?unit=mlp_act.0:7");
  });

  it("is found again after a reload while it runs, and can be cancelled", async () => {
    server.on(`GET /api/jobs/${JOB}`, { body: job("shortest") });
    server.on(`DELETE /api/jobs/${JOB}`, { body: job("shortest", { state: "cancelled" }) });
    renderAt(`${UNIT_PAGE}&short=0&shortJob=${JOB}`, <NeuronView />);
    await userEvent.click(await screen.findByRole("button", { name: /^Cancel/ }));
    server.on(`GET /api/jobs/${JOB}`, { body: job("shortest", { state: "cancelled" }) });
    expect(await screen.findByText("Cancelled", undefined, { timeout: 4000 })).toBeVisible();
  });

  it.each([
    ["names no search", ""],
    ["names one that is not known any more", `&shortJob=${JOB}`],
  ])("can be run where the address %s", async (_what, rest) => {
    server.on(`GET /api/jobs/${JOB}`, failure(404, "not_found", "There is no such job."));
    renderAt(`${UNIT_PAGE}&short=0${rest}`, <NeuronView />);
    expect(await screen.findByText(/The search that this address names is not known here/)).toBeVisible();
    server.on("POST /api/neurons/shortest", { status: 202, body: job("shortest") });
    server.on(`GET /api/jobs/${JOB}`, { body: job("shortest", { state: "done", result: { ...shortest } }) });
    await userEvent.click(screen.getByRole("button", { name: "Run it again" }));
    await waitFor(() => expect(server.asked("/api/neurons/shortest")?.body).toMatchObject({ rank: 0 }));
  });

  it("stands with the strongest contexts alone", async () => {
    server.on(`GET /api/jobs/${JOB}`, { body: job("shortest", { state: "done", result: { ...shortest } }) });
    renderAt(`${UNIT_PAGE}&short=0&shortJob=${JOB}`, <NeuronView />);
    expect(await screen.findByTestId("shortest-tokens")).toBeVisible();
    await userEvent.click(screen.getByText("Middle"));
    await waitFor(() => expect(server.asked("/api/neurons/examples")?.query.get("band")).toBe("middle"));
    expect(screen.queryByTestId("shortest-tokens")).toBeNull();
    await userEvent.click(screen.getByText("Strongest"));
    expect(await screen.findByTestId("shortest-tokens")).toBeVisible();
  });

  it("says why it was refused or failed", async () => {
    server.on("POST /api/neurons/shortest", failure(409, "conflict", "The index does not fit."));
    renderAt(UNIT_PAGE, <NeuronView />);
    await userEvent.click(await screen.findByRole("button", { name: "Shorten context 1" }));
    expect(await screen.findByRole("alert")).toHaveTextContent("The index does not fit.");
    const error = { code: "bad_request", message: "It is −1 there.", hint: "" };
    server.on("POST /api/neurons/shortest", { status: 202, body: job("shortest") });
    server.on(`GET /api/jobs/${JOB}`, { body: job("shortest", { state: "failed", error }) });
    await userEvent.click(screen.getByRole("button", { name: "Shorten context 1" }));
    expect(await screen.findByText("It is −1 there.")).toBeVisible();
  });

  it("that another unit's page left in the address is not taken for this one's", async () => {
    const foreign = { ...shortest, unit: "mlp_act.1:2" };
    server.on(`GET /api/jobs/${JOB}`, { body: job("shortest", { state: "done", result: { ...foreign } }) });
    renderAt(`${UNIT_PAGE}&short=0&shortJob=${JOB}`, <NeuronView />);
    await screen.findByTestId("contexts");
    await waitFor(() => expect(server.asked(`/api/jobs/${JOB}`)).toBeDefined());
    expect(screen.queryByTestId("shortest-tokens")).toBeNull();
  });
});

describe("a comparison", () => {
  const side = { ...neuronTop, tokens: 1000, unit: "mlp_act.0:7", contexts: neuronTop.contexts };
  const compared = {
    same_model: true,
    same_corpus: false,
    kept: 32,
    first: side,
    second: { ...side, index_id: OTHER_INDEX_ID, corpus: "local/mine" },
    token_overlap: 0.5,
    ngram_overlap: 0.25,
    tokens: [{ tokens: [" +"], first: neuronTop.tokens[0], second: null }],
    ngrams: [],
    shared_places: null,
    correlation: null,
  } as unknown as Comparison;

  it("sets the contexts of another index beside these", async () => {
    const other = index({ index_id: OTHER_INDEX_ID, corpus: "local/mine" });
    const unlike = index({ index_id: "x_3", model_key: "z", model_id: "a/b", corpus: "local/else" });
    server.on("GET /api/indexes", { body: { indexes: [index(), other, unlike] } });
    server.on("GET /api/neurons/compare", { body: compared });
    renderAt(UNIT_PAGE, <NeuronView />);
    const choice = await screen.findByLabelText("Compare with");
    expect(within(choice).getAllByRole("option")).toHaveLength(2);
    await userEvent.selectOptions(choice, OTHER_INDEX_ID);
    const shown = await screen.findByTestId("comparison");
    expect(within(shown).getByText("50.0 %")).toBeVisible();
    expect(
      within(shown)
        .getAllByRole("region")
        .map((one) => one.getAttribute("aria-label")),
    ).toEqual(["bundled", "local/mine"]);
    expect(within(shown).getByRole("row", { name: /\+ 9, 4.500 –/ })).toBeVisible();
    expect(window.location.search).toContain(`with=${OTHER_INDEX_ID}`);
    await expectAccessible(document.body);
  });

  it("says what it takes where there is no second index, and why one was refused", async () => {
    const page = renderAt(UNIT_PAGE, <NeuronView />);
    expect(await screen.findByText(/There is no second index to compare with/)).toBeVisible();
    page.unmount();
    server.on("GET /api/indexes", { body: { indexes: [index(), index({ index_id: OTHER_INDEX_ID })] } });
    server.on("GET /api/neurons/compare", failure(409, "conflict", "They cut texts differently."));
    renderAt(`${UNIT_PAGE}&with=${OTHER_INDEX_ID}`, <NeuronView />);
    expect(await screen.findByText("They cut texts differently.")).toBeVisible();
  });
});
