import { fireEvent, screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { beforeEach, describe, expect, it, vi } from "vitest";
import type { NeuronRow } from "@/api/types";
import { everyday, INDEX_ID, index, job } from "@/testing/fixtures";
import { expectAccessible, renderAt } from "@/testing/render";
import { type FakeServer, failure, fakeServer, never } from "@/testing/server";
import IndexesView from "./IndexesView";
import { moveTo, pagesOf } from "./scrolled";

const TOTAL = 400_000;
const row = (at: number): NeuronRow => ({
  point: "mlp_act",
  layer: 0,
  unit: at,
  firing_rate: 0.25,
  max: 4,
  mean: 0.5,
  std: 1,
  min: -1,
  kurtosis: null,
  top_token: " the",
});

/** Answers with the rows that were asked for, of a table of 400,000. */
const table = ({ url }: { url: URL }) => {
  const [offset, limit] = [Number(url.searchParams.get("offset")), Number(url.searchParams.get("limit"))];
  const found = url.searchParams.get("search") === "nothing" ? 0 : TOTAL;
  const neurons = Array.from({ length: Math.max(0, Math.min(limit, found - offset)) }, (_, at) =>
    row(offset + at),
  );
  return { body: { model_id: "", index_id: INDEX_ID, total: TOTAL, found, neurons } };
};

let server: FakeServer;
beforeEach(() => {
  // jsdom lays nothing out: the box is ten rows high.
  vi.spyOn(Element.prototype, "clientHeight", "get").mockReturnValue(300);
  vi.spyOn(Element.prototype, "clientWidth", "get").mockReturnValue(900);
  server = fakeServer({
    ...everyday,
    "GET /api/corpora": {
      body: { corpora: [{ corpus: "bundled", documents: null, bytes: null, fields: [] }] },
    },
    "GET /api/indexes": { body: { indexes: [index()] } },
    "GET /api/neurons": table,
  });
});

const asked = () => server.calls.filter((call) => call.path === "/api/neurons").at(-1)?.query;

describe("the table", () => {
  it("draws only the rows in view of 400,000, each with a way to its neuron", async () => {
    renderAt("/indexes", <IndexesView />);
    const first = await screen.findByRole("link", { name: "mlp_act.0:0" });
    expect(first.getAttribute("href")).toBe("/neuron?model=neuronscope/tiny&unit=mlp_act.0:0");
    expect(screen.getByRole("grid")).toHaveAttribute("aria-rowcount", String(TOTAL + 1));
    expect(screen.getAllByTestId("neuron").length).toBeLessThan(40);
    expect(screen.getByText("400,000 over bundled")).toBeVisible();
    await expectAccessible(document.body);
  });

  it("leads to the neuron in the index that was chosen", async () => {
    const other = index({ index_id: "x_00000000000000000000000002", corpus: "local/mine" });
    server.on("GET /api/indexes", { body: { indexes: [index(), other] } });
    renderAt("/indexes", <IndexesView />);
    await userEvent.click(await screen.findByRole("button", { name: "local/mine" }));
    await waitFor(() => expect(asked()?.get("index_id")).toBe(other.index_id));
    const first = await screen.findByRole("link", { name: "mlp_act.0:0" });
    expect(first.getAttribute("href")).toContain(`index=${other.index_id}`);
  });

  it("lets the server sort, and turns the order", async () => {
    renderAt("/indexes", <IndexesView />);
    await screen.findByRole("link", { name: "mlp_act.0:0" });
    await userEvent.click(screen.getByRole("button", { name: "kurtosis" }));
    await waitFor(() => expect(asked()?.get("sort")).toBe("kurtosis"));
    expect(asked()?.get("descending")).toBe("true");
    await userEvent.click(screen.getByRole("button", { name: "kurtosis" }));
    await waitFor(() => expect(asked()?.get("descending")).toBe("false"));
    expect(window.location.search).toBe("?sort=kurtosis&turned=1");
    expect(screen.getByRole("columnheader", { name: "kurtosis" })).toHaveAttribute("aria-sort", "ascending");
  });

  it("searches once the typing rests, says that nothing fits, and clears", async () => {
    renderAt("/indexes?layers=1", <IndexesView />);
    fireEvent.change(await screen.findByLabelText("Strongest on"), { target: { value: "nothing" } });
    expect(await screen.findByText("No unit fits")).toBeVisible();
    expect(window.location.search).toContain("q=nothing");
    expect(asked()?.getAll("layers")).toEqual(["1"]);
    await userEvent.click(screen.getByRole("button", { name: "Clear" }));
    expect(await screen.findByRole("link", { name: "mlp_act.0:0" })).toBeVisible();
    expect(screen.getByLabelText("Strongest on")).toHaveValue("");
    expect(window.location.search).toBe("");
  });

  it("opens the row that the arrows reached", async () => {
    renderAt("/indexes", <IndexesView />);
    await screen.findByRole("link", { name: "mlp_act.0:1" });
    const grid = screen.getByRole("grid");
    for (const key of ["ArrowDown", "ArrowDown"]) fireEvent.keyDown(grid, { key });
    expect(document.getElementById(grid.getAttribute("aria-activedescendant") ?? "")).toHaveTextContent(
      "mlp_act.0:1",
    );
    fireEvent.keyDown(grid, { key: "Enter" });
    await waitFor(() => expect(window.location.pathname).toBe("/neuron"));
    expect(window.location.search).toContain("unit=mlp_act.0:1");
  });

  it("gives the files in the same order, and says why one can't be written", async () => {
    server.on("GET /api/neurons/export", failure(400, "bad_request", "Writing Parquet takes pyarrow."));
    renderAt("/indexes?sort=min&layers=1", <IndexesView />);
    const csv = await screen.findByRole("link", { name: "CSV" });
    const address = new URL(csv.getAttribute("href") ?? "", window.location.origin);
    expect(address.searchParams.get("format")).toBe("csv");
    expect(address.searchParams.get("layers")).toBe("1");
    expect(address.searchParams.get("descending")).toBe("false");
    await userEvent.click(screen.getByRole("link", { name: "Parquet" }));
    expect(await screen.findByText("Writing Parquet takes pyarrow.")).toBeVisible();
  });

  it("shows skeletons while it loads, and why it could not", async () => {
    server.on("GET /api/neurons", never);
    const page = renderAt("/indexes", <IndexesView />);
    expect((await screen.findAllByTestId("row-skeleton")).length).toBeGreaterThan(5);
    page.unmount();
    server.on(
      "GET /api/neurons",
      failure(409, "index_mismatch", "The index does not fit.", "Build it anew."),
    );
    renderAt("/indexes", <IndexesView />);
    expect(await screen.findByRole("alert")).toHaveTextContent(/does not fit.*Build it anew/);
  });
});

describe("the list", () => {
  it("deletes an index only when that is confirmed", async () => {
    server.on(`DELETE /api/indexes/${INDEX_ID}`, { body: { deleted: INDEX_ID } });
    renderAt("/indexes", <IndexesView />);
    const press = async () =>
      userEvent.click(await screen.findByRole("button", { name: /Delete the index/ }));
    await press();
    await userEvent.click(await screen.findByRole("button", { name: "Keep it" }));
    expect(server.calls.some((call) => call.method === "DELETE")).toBe(false);
    await press();
    server.on("GET /api/indexes", { body: { indexes: [] } });
    await userEvent.click(await screen.findByRole("button", { name: "Delete" }));
    expect(await screen.findByText("No index of neuronscope/tiny yet")).toBeVisible();
  });

  it("says why an index can't be used, and lists those of this model alone", async () => {
    const indexes = [
      index({ usable: false, note: "The weights changed." }),
      index({ model_id: "local/other" }),
    ];
    server.on("GET /api/indexes", { body: { indexes } });
    renderAt("/indexes", <IndexesView />);
    const listed = await screen.findAllByTestId("index");
    expect(listed).toHaveLength(1);
    expect(listed[0]).toHaveTextContent("The weights changed.");
    expect(screen.getByText("None of these indexes fits the model now")).toBeVisible();
  });
});

describe("a new index", () => {
  it("is asked for with layers and points, and followed until it is there", async () => {
    const path = `GET /api/jobs/${job().job_id}`;
    server.on("GET /api/indexes", { body: { indexes: [] } });
    server.on("POST /api/indexes", { status: 202, body: job() });
    server.on(path, { body: job() });
    renderAt("/indexes", <IndexesView />);
    fireEvent.change(await screen.findByLabelText("Layers"), { target: { value: "1-x" } });
    expect(screen.getByRole("button", { name: "Build" })).toBeDisabled();
    fireEvent.change(screen.getByLabelText("Layers"), { target: { value: "0-1" } });
    await userEvent.click(screen.getByLabelText("Attention heads"));
    await userEvent.click(screen.getByRole("button", { name: "Build" }));
    expect(await screen.findByText("250 of 1,000 documents")).toBeVisible();
    expect(server.calls.find((call) => call.method === "POST")?.body).toEqual({
      model_id: "neuronscope/tiny",
      corpus: "bundled",
      documents: null,
      k: 32,
      layers: [0, 1],
      points: ["mlp_act", "head_norm"],
    });
    server.on("GET /api/indexes", { body: { indexes: [index()] } });
    server.on(path, { body: job({ state: "done", result: { index_id: INDEX_ID } }) });
    const list = await screen.findByTestId("index", undefined, { timeout: 4000 });
    expect(within(list).getByRole("button", { name: "bundled" })).toHaveAttribute("aria-pressed", "true");
    expect(window.location.search).toContain(`index=${INDEX_ID}`);
  });
});

it("knows which pages are in view, and where a key leads", () => {
  expect(pagesOf(0, 30)).toEqual([0]);
  expect(pagesOf(190, 401)).toEqual([0, 1, 2]);
  expect(moveTo("ArrowDown", null, 5, 3)).toBe(0);
  expect(moveTo("ArrowUp", 0, 5, 3)).toBe(0);
  expect(moveTo("PageDown", 1, 5, 3)).toBe(4);
  expect(moveTo("End", null, 5, 3)).toBe(4);
  expect(moveTo("Home", 4, 5, 3)).toBe(0);
  expect(moveTo("x", 4, 5, 3)).toBeNull();
  expect(moveTo("End", null, 0, 3)).toBeNull();
});
