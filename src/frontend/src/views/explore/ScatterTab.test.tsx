import { screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { everyday, INDEX_ID, index, job, recorded, TRACE_ID } from "@/testing/fixtures";
import { expectAccessible, renderAt } from "@/testing/render";
import { type FakeServer, fakeServer } from "@/testing/server";
import ExploreView from "./ExploreView";

// Plotly draws with what jsdom has not.
vi.mock("@/components/plot/plotly", () => ({
  default: () => <div data-testid="plot" />,
  downloadImage: vi.fn(),
}));

let server: FakeServer;
beforeEach(() => {
  server = fakeServer({ ...everyday, ...recorded });
});

describe("the scatter", () => {
  it("offers every layer of its source, also where that is a corpus", async () => {
    server.on("GET /api/indexes", { body: { indexes: [index({ layers: [0, 1, 2] })] } });
    server.on("POST /api/analyses/pca", { status: 202, body: job() });
    renderAt("/?tab=scatter&colour=layer", <ExploreView />);
    const choice = await screen.findByLabelText("Layers");
    await within(choice).findByRole("option", { name: "only layer 2" });
    await userEvent.selectOptions(choice, "2");
    expect(window.location.search).toContain("scope=2");
    await userEvent.click(screen.getByRole("button", { name: "Draw the scatter" }));
    await waitFor(() =>
      expect(server.calls.find((call) => call.method === "POST")?.body).toMatchObject({
        index_id: INDEX_ID,
        layers: [2],
      }),
    );
  });

  it("starts both analyses with one set of parameters and shows them at work", async () => {
    const [pca, kmeans] = ["j_pca", "j_kmeans"];
    server.on("POST /api/analyses/pca", { status: 202, body: job({ job_id: pca, title: "PCA of mlp_act" }) });
    server.on("POST /api/analyses/kmeans", {
      status: 202,
      body: job({ job_id: kmeans, title: "k-means of mlp_act" }),
    });
    server.on(`GET /api/jobs/${pca}`, { body: job({ job_id: pca, title: "PCA of mlp_act" }) });
    server.on(`GET /api/jobs/${kmeans}`, { body: job({ job_id: kmeans, title: "k-means of mlp_act" }) });
    renderAt(`/?trace=${TRACE_ID}&tab=scatter&p.k=3`, <ExploreView />);
    const draw = await screen.findByRole("button", { name: "Draw the scatter" });
    await waitFor(() => expect(draw).toBeEnabled());
    await userEvent.click(draw);
    expect(await screen.findByText("PCA of mlp_act")).toBeVisible();
    expect(window.location.search).toContain(`layoutJob=${pca}&clusterJob=${kmeans}`);
    const bodies = server.calls.filter((call) => call.method === "POST").map((call) => call.body);
    expect(bodies).toEqual([
      {
        trace_id: TRACE_ID,
        point: "mlp_act",
        layers: null,
        parameters: { components: 2, normalise: "zscore" },
      },
      { trace_id: TRACE_ID, point: "mlp_act", layers: null, parameters: { k: 3, seed: 0 } },
    ]);
  });

  it("cancels the clustering with the layout", async () => {
    for (const id of ["j_1", "j_2"]) {
      const body = job({ job_id: id, title: `Job ${id}` });
      server.on(`GET /api/jobs/${id}`, { body });
      server.on(`DELETE /api/jobs/${id}`, { body: { ...body, state: "cancelled" } });
    }
    renderAt(`/?trace=${TRACE_ID}&tab=scatter&layoutJob=j_1&clusterJob=j_2`, <ExploreView />);
    await screen.findByRole("button", { name: "Cancel: Job j_2" });
    await userEvent.click(screen.getByRole("button", { name: "Cancel: Job j_1" }));
    const cancelled = () => server.calls.filter((call) => call.method === "DELETE").map((call) => call.path);
    await waitFor(() => expect(cancelled()).toEqual(["/api/jobs/j_1", "/api/jobs/j_2"]));
  });

  it("finds finished jobs again by the address, and lists a cluster's units", async () => {
    const units = ["mlp_act.0:1", "mlp_act.0:2", "mlp_act.1:3"];
    const done = { state: "done" as const, finished_at: "2026-01-01T00:00:01Z" };
    server.on("GET /api/jobs/j_1", {
      body: job({
        ...done,
        result: {
          result: {
            units,
            coordinates: [
              [0, 0],
              [1, 1],
              [2, 2],
            ],
          },
        },
      }),
    });
    server.on("GET /api/jobs/j_2", {
      body: job({ ...done, result: { result: { units, clusters: [0, 0, 1], silhouette: 0.5 } } }),
    });
    renderAt(`/?trace=${TRACE_ID}&tab=scatter&layoutJob=j_1&clusterJob=j_2`, <ExploreView />);
    await userEvent.click(await screen.findByRole("button", { name: /Cluster 0/ }));
    const chosen = within(screen.getByTestId("selection")).getAllByRole("link");
    expect(chosen.map((link) => link.textContent)).toEqual(["mlp_act.0:1", "mlp_act.0:2"]);
    const list = screen.getByTestId("selection");
    const form = screen.getByRole("button", { name: "Draw the scatter" });
    expect(list.compareDocumentPosition(form) & Node.DOCUMENT_POSITION_FOLLOWING).toBeTruthy();
    await userEvent.click(screen.getByRole("button", { name: "2 chosen" }));
    expect(screen.getByLabelText("Selected units")).toHaveFocus();
    await userEvent.click(screen.getByRole("button", { name: /Cluster 1/ }));
    const link = screen.getByRole("link", { name: "Open mlp_act.1:3" });
    expect(link.getAttribute("href")).toContain("unit=mlp_act.1:3");
    await expectAccessible(document.body);
  });
});
