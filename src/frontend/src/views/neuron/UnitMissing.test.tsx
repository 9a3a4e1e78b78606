import { screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { beforeEach, describe, expect, it } from "vitest";
import { card } from "@/testing/card";
import { INDEX_ID, index, model } from "@/testing/fixtures";
import { indexedServer, OTHER_INDEX_ID, UNIT_PAGE } from "@/testing/indexed";
import { renderAt } from "@/testing/render";
import { type FakeServer, failure, never } from "@/testing/server";
import NeuronView from "./NeuronView";
import { placeOf } from "./peaks";

let server: FakeServer;
beforeEach(() => {
  server = indexedServer();
});

describe("an index that is gone", () => {
  const GONE = /The index that this address names is not here any more/;

  it("is named as gone, with the one that answers in its place", async () => {
    const page = renderAt(`${UNIT_PAGE}&index=${OTHER_INDEX_ID}`, <NeuronView />);
    expect(await screen.findByText(GONE)).toHaveTextContent("; below is bundled · 1,000 tokens · k 32.");
    expect(await screen.findByTestId("contexts")).toBeVisible();
    page.unmount();
    renderAt(`${UNIT_PAGE}&index=${INDEX_ID}`, <NeuronView />);
    expect(await screen.findByTestId("contexts")).toBeVisible();
    expect(screen.queryByText(GONE)).toBeNull();
  });

  it.each([
    ["is of another model", { model_id: "local/other" }],
    ["does not fit the model as it is now", { usable: false }],
    ["holds no units of this point", { points: ["head_norm"] }],
  ])("%s: the page says so", async (why, part) => {
    const named = index({ index_id: OTHER_INDEX_ID, ...part });
    server.on("GET /api/indexes", { body: { indexes: [index(), named] } });
    renderAt(`${UNIT_PAGE}&index=${OTHER_INDEX_ID}`, <NeuronView />);
    expect(await screen.findByText(new RegExp(why))).toHaveTextContent("below is bundled");
  });

  it("leads to the offer of a build where there is no other", async () => {
    server.on("GET /api/indexes", { body: { indexes: [] } });
    renderAt(`${UNIT_PAGE}&index=${OTHER_INDEX_ID}`, <NeuronView />);
    expect(await screen.findByText(GONE)).toHaveTextContent(/any more\.$/);
    expect(screen.getByText(/Build an index to read what drives this neuron/)).toBeVisible();
  });
});

describe("a unit that is not there", () => {
  it.each([
    ["mlp_act.1:8", "A layer has 8 units of mlp_act, 0 to 7."],
    ["mlp_act.2:0", "The model has 2 layers, 0 to 1."],
    ["foo.1:2", "There is no hook point “foo”."],
  ])("%s is told once, with nothing else", async (unit, why) => {
    server.on("GET /api/indexes", { body: { indexes: [] } });
    renderAt(`/neuron?unit=${unit}`, <NeuronView />);
    expect(await screen.findByText(why)).toBeVisible();
    expect(screen.getByText(`neuronscope/tiny has no ${unit}`)).toBeVisible();
    expect(screen.getAllByRole("region")).toHaveLength(1);
    expect(screen.queryByRole("button", { name: /Build|Try again/ })).toBeNull();
  });

  it.each([
    ["with an index", [index()], "mlp_act.0:99"],
    ["without one", [], "foo.1:2"],
  ])("is told once by the server where the model is not loaded, %s", async (_what, indexes, unit) => {
    server.on("GET /api/models", { body: { models: [model({ loaded: false, loaded_as: null })] } });
    server.on("GET /api/indexes", { body: { indexes } });
    server.on("GET /api/neurons/top", failure(400, "bad_address", "It is not there.", "Look."));
    server.on("GET /api/neurons/examples", failure(400, "bad_address", "It is not there.", "Look."));
    renderAt(`/neuron?unit=${unit}`, <NeuronView />);
    await waitFor(() => {
      expect(screen.getByRole("alert")).toHaveTextContent("It is not there.");
      expect(screen.queryByRole("button", { name: /^Build|Try again/ })).toBeNull();
    });
  });
});

describe("a unit of another point", () => {
  beforeEach(() => {
    const layered = { doc: "", layers: [0, 1], refused: null };
    const points = [
      ...card.points,
      { ...layered, point: "head_norm", axes: ["p", "h"] },
      { ...layered, point: "resid_post", axes: ["p", "d"] },
    ];
    server.on("GET /api/models/card", { body: { ...card, points } });
  });

  it("has a page over the indexes that hold it", async () => {
    const wide = index({ index_id: OTHER_INDEX_ID, points: ["mlp_act", "head_norm"] });
    server.on("GET /api/indexes", { body: { indexes: [index(), wide] } });
    renderAt("/neuron?unit=head_norm.1:0", <NeuronView />);
    expect(await screen.findByTestId("contexts")).toBeVisible();
    expect(screen.getByRole("heading", { name: "head_norm.1:0" })).toBeVisible();
    expect(server.asked("/api/neurons/top")?.query.get("index_id")).toBe(OTHER_INDEX_ID);
    expect(server.asked("/api/neurons/top")?.query.get("unit")).toBe("head_norm.1:0");
    expect(screen.getByRole("button", { name: "Next head" })).toBeVisible();
  });

  it("is offered to be indexed where no index holds it", async () => {
    server.on("GET /api/corpora", {
      body: { corpora: [{ corpus: "bundled", documents: null, bytes: null, fields: [] }] },
    });
    server.on("POST /api/indexes", never);
    renderAt("/neuron?unit=resid_post.1:0", <NeuronView />);
    expect(await screen.findByText(/No index of this model holds all of: residual stream/)).toBeVisible();
    await userEvent.click(await screen.findByRole("button", { name: "Build" }));
    await waitFor(() => expect(server.asked("/api/indexes")?.body).toMatchObject({ points: ["resid_post"] }));
  });
});

it("finds an excerpt's peak in its window by the tokens and by what is nearest in value", () => {
  const place = { tokens: ["a", "b"], peak: 1, activation: 3 };
  const window = { tokens: ["b", "a", "b", "a", "b"], activations: [3, 0, 1, 0, 2.9] };
  expect(placeOf(place, window)).toBe(4);
  expect(placeOf({ ...place, tokens: ["b"], peak: 0 }, window)).toBe(0);
  expect(placeOf({ ...place, tokens: ["c", "b"] }, window)).toBeUndefined();
});
