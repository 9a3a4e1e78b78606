import { screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { estimate, everyday, job } from "@/testing/fixtures";
import { COMPARISON_ID, comparison, neuron } from "@/testing/precision";
import { expectAccessible, renderAt } from "@/testing/render";
import { type FakeServer, failure, fakeServer } from "@/testing/server";
import PrecisionTab from "./PrecisionTab";

vi.mock("@/components/plot/plotly", () => ({
  default: () => <div data-testid="plot" />,
  downloadImage: vi.fn(),
}));

let server: FakeServer;
const { layers: _, points: __, ...entry } = comparison();
const neurons = `/api/precisions/${COMPARISON_ID}/neurons`;

beforeEach(() => {
  server = fakeServer({ ...everyday });
  server.on("GET /api/models/estimate", { body: estimate({ model_id: "neuronscope/tiny" }) });
  server.on("GET /api/precisions", { body: { comparisons: [] } });
  server.on(`GET /api/precisions/${COMPARISON_ID}`, { body: comparison() });
  server.on(`GET ${neurons}`, { body: { total: 120, offset: 0, neurons: [neuron()] } });
});

describe("a comparison of two precisions", () => {
  it("is asked for with the samples, and found at work after a reload", async () => {
    server.on("POST /api/precisions", { status: 202, body: job({ kind: "precision" }) });
    renderAt("/", <PrecisionTab card={{ model_id: "neuronscope/tiny" }} />);
    expect(await screen.findByText("9 prompts")).toBeVisible();
    expect(await screen.findAllByRole("option", { name: "NF4 · 600 MB" })).toHaveLength(2);
    await expectAccessible(document.body);
    const running = job({ kind: "precision", title: "tiny in float32 and nf4" });
    server.on("GET /api/jobs", { body: { jobs: [running] } });
    server.on(`GET /api/jobs/${running.job_id}`, { body: running });
    await userEvent.click(screen.getByRole("button", { name: "Compare" }));
    await waitFor(() => expect(window.location.search).toBe(`?precisionJob=${running.job_id}`));
    const body = server.calls.find(
      ({ method, path }) => method === "POST" && path === "/api/precisions",
    )?.body;
    expect(body).toMatchObject({ model_id: "neuronscope/tiny", a: "float32", b: "nf4" });
    // A sample's own newline stays one.
    expect((body as { prompts: string[] }).prompts.some((prompt) => prompt.includes("\n"))).toBe(true);
    expect(await screen.findByText("tiny in float32 and nf4")).toBeVisible();
    expect(screen.getByRole("button", { name: "Compare" })).toBeDisabled();
  });

  it("is shown also where it was over before anybody looked", async () => {
    const over = job({ kind: "precision", state: "done", result: { comparison_id: COMPARISON_ID } });
    server.on("POST /api/precisions", { status: 202, body: over });
    server.on(`GET /api/jobs/${over.job_id}`, { body: over });
    renderAt("/", <PrecisionTab card={{ model_id: "neuronscope/tiny" }} />);
    expect(await screen.findByText("9 prompts")).toBeVisible();
    await userEvent.click(screen.getByRole("button", { name: "Compare" }));
    await waitFor(() => expect(window.location.search).toBe(`?precision=${COMPARISON_ID}`));
    expect(await screen.findByText(/Layer 1 changes most/)).toBeVisible();
  });

  it("is refused here where it makes no sense, and by the server with its reason", async () => {
    server.on("POST /api/precisions", failure(409, "insufficient_memory", "It needs 9 GB."));
    renderAt("/", <PrecisionTab card={{ model_id: "neuronscope/tiny" }} />);
    await userEvent.selectOptions(await screen.findByLabelText("Precision B"), "float32");
    expect(screen.getByText("Choose two precisions that differ.")).toBeVisible();
    expect(screen.getByRole("button", { name: "Compare" })).toBeDisabled();
    await userEvent.selectOptions(screen.getByLabelText("Precision B"), "bfloat16");
    await userEvent.clear(screen.getByLabelText("Prompts"));
    expect(screen.getByText("Give at least one prompt.")).toBeVisible();
    await userEvent.type(screen.getByLabelText("Prompts"), "23+45=");
    await userEvent.click(screen.getByRole("button", { name: "Compare" }));
    expect(await screen.findByRole("alert")).toHaveTextContent("It needs 9 GB.");
  });

  it("shows its words, its layers from the worst, and a table that the server sorts", async () => {
    server.on("GET /api/precisions", { body: { comparisons: [entry] } });
    renderAt("/?trace=t_1", <PrecisionTab card={{ model_id: "neuronscope/tiny" }} />);
    expect(await screen.findByText(/Layer 1 changes most/)).toBeVisible();
    const link = await screen.findByRole("link", { name: "mlp_act.0:1" });
    expect(link.getAttribute("href")).toBe("/neuron?model=neuronscope/tiny&unit=mlp_act.0:1&trace=t_1");
    expect(link.closest("tr")).toHaveTextContent("mlp_act.0:10.800−0.200+1270.0 %");
    expect(screen.getByRole("link", { name: "CSV" })).toHaveAttribute(
      "href",
      `/api/precisions/${COMPARISON_ID}/export`,
    );
    await expectAccessible(document.body);
    await userEvent.click(screen.getByRole("button", { name: "mean shift" }));
    await userEvent.click(screen.getByRole("button", { name: "1" }));
    await userEvent.click(await screen.findByRole("button", { name: "Next" }));
    await waitFor(() => {
      const last = server.calls.findLast(({ path }) => path === neurons)?.query;
      expect(Object.fromEntries(last ?? [])).toEqual({
        sort: "mean_shift",
        descending: "false",
        layer: "1",
        offset: "50",
        limit: "50",
      });
    });
    const heads = within(screen.getByTestId("precision-neurons"));
    expect(heads.getByRole("columnheader", { name: "mean shift" })).toHaveAttribute("aria-sort", "ascending");
  });

  it("is deleted", async () => {
    server.on("GET /api/precisions", { body: { comparisons: [entry] } });
    server.on(`DELETE /api/precisions/${COMPARISON_ID}`, { body: { deleted: COMPARISON_ID } });
    renderAt(`/?precision=${COMPARISON_ID}`, <PrecisionTab card={{ model_id: "neuronscope/tiny" }} />);
    await screen.findByText(/Layer 1 changes most/);
    server.on("GET /api/precisions", { body: { comparisons: [] } });
    await userEvent.click(screen.getByRole("button", { name: "Delete this comparison" }));
    await waitFor(() => expect(screen.queryByText(/Layer 1 changes most/)).toBeNull());
    expect(window.location.search).toBe("");
  });
});
