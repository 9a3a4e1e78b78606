import { screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { everyday, heatmap, job, layers, recorded, TRACE_ID, trace } from "@/testing/fixtures";
import { expectAccessible, renderAt } from "@/testing/render";
import { type FakeServer, fakeServer } from "@/testing/server";
import ExploreView from "./ExploreView";
import { shownOf } from "./shown";
import { allLayers } from "./strip";

// Plotly draws with what jsdom has not.
vi.mock("@/components/plot/plotly", () => ({
  default: () => <div data-testid="plot" />,
  downloadImage: vi.fn(),
}));

const WHY = "this block is a mixture of experts";
const experts = trace({
  points: ["resid_post.0", "resid_post.1"],
  unavailable: { "mlp_act.0": WHY, "mlp_act.1": WHY },
});
const mixed = trace({
  points: ["mlp_act.0", "resid_post.0", "resid_post.1"],
  unavailable: { "mlp_act.1": WHY },
});

describe("the point that is shown", () => {
  it("is the one asked for, where the trace holds it", () =>
    expect(shownOf(trace(), "mlp_act")).toMatchObject({ point: "mlp_act", layers: [0, 1], instead: null }));
  it("is the residual stream where the model has no neurons, with the model's reason", () =>
    expect(shownOf(experts, "mlp_act")).toEqual({
      point: "resid_post",
      layers: [0, 1],
      missing: new Map(),
      points: ["resid_post"],
      instead: { asked: "mlp_act", reasons: [WHY] },
    }));
  it("says which layers lack it, and does so for each reason apart", () => {
    expect(shownOf(mixed, "mlp_act")).toMatchObject({
      layers: [0],
      missing: new Map([[1, WHY]]),
      points: ["mlp_act", "resid_post"],
      instead: null,
    });
    const two = { points: ["ln1.0"], unavailable: { "mlp_act.0": "a", "mlp_act.1": "b", "mlp_act.2": "a" } };
    expect(shownOf(two, "mlp_act").instead?.reasons).toEqual(["layers 0, 2: a", "layer 1: b"]);
  });
  it("is never one without single units", () =>
    expect(shownOf({ points: ["q.0", "ln2.0", "embed"], unavailable: {} }, "mlp_act")).toMatchObject({
      point: "ln2",
      points: ["ln2"],
    }));
});

it("keeps the layers that are missing in their place", () =>
  expect(
    allLayers(layers.layers.slice(1), new Map([[0, WHY]])).map(({ layer, reason }) => [layer, reason]),
  ).toEqual([
    [0, WHY],
    [1, ""],
  ]));

describe("the page", () => {
  let server: FakeServer;
  beforeEach(() => {
    server = fakeServer({ ...everyday, ...recorded });
    const answers = (path: string) => server.calls.filter((call) => call.path.endsWith(path));
    server.on(`GET /api/traces/${TRACE_ID}/layers`, () => {
      const point = answers("/layers").at(-1)?.query.get("point") ?? "";
      return {
        body: { ...layers, point, layers: point === "mlp_act" ? layers.layers.slice(0, 1) : layers.layers },
      };
    });
    server.on(`GET /api/traces/${TRACE_ID}/heatmap`, () => ({
      body: { ...heatmap, address: answers("/heatmap").at(-1)?.query.get("address") ?? "" },
    }));
  });
  const asked = (name: string, key: string) =>
    server.calls.filter((call) => call.path.endsWith(name)).map((call) => call.query.get(key));

  it("of a model without neurons says why, and shows its residual stream", async () => {
    server.on(`GET /api/traces/${TRACE_ID}`, { body: experts });
    renderAt(`/?trace=${TRACE_ID}`, <ExploreView />);
    const note = await screen.findByRole("status");
    expect(note).toHaveTextContent(/neuronscope\/tiny has no neurons that can be read/);
    expect(note).toHaveTextContent(/This block is a mixture of experts\..*residual stream/);
    expect(await screen.findByTestId("heatmap")).toHaveAttribute("data-address", "resid_post.0");
    expect(screen.getByText("Strongest units")).toBeVisible();
    expect(screen.queryByRole("alert")).toBeNull();
    expect(new Set(asked("/layers", "point"))).toEqual(new Set(["resid_post"]));
    expect(asked("/heatmap", "address")).toEqual(["resid_post.0"]);
    const point = screen.getByLabelText("Point");
    expect(point).toHaveValue("resid_post");
    expect(within(point).getByRole("option", { name: "Neurons: none" })).toBeDisabled();
    await expectAccessible(document.body);
  });

  it("places that stream in the scatter too", async () => {
    server.on(`GET /api/traces/${TRACE_ID}`, { body: experts });
    for (const name of ["pca", "kmeans"])
      server.on(`POST /api/analyses/${name}`, { status: 202, body: job() });
    renderAt(`/?trace=${TRACE_ID}&tab=scatter`, <ExploreView />);
    expect(await screen.findByRole("status")).toHaveTextContent(/no neurons/);
    const draw = await screen.findByRole("button", { name: "Draw the scatter" });
    await waitFor(() => expect(draw).toBeEnabled());
    await userEvent.click(draw);
    await waitFor(() =>
      expect(server.calls.find((call) => call.method === "POST")?.body).toMatchObject({
        point: "resid_post",
      }),
    );
  });

  it("shows a layer without neurons as missing, says why, and offers a way on", async () => {
    server.on(`GET /api/traces/${TRACE_ID}`, { body: mixed });
    renderAt(`/?trace=${TRACE_ID}`, <ExploreView />);
    await userEvent.click(await screen.findByRole("radio", { name: `Layer 1, missing: ${WHY}` }));
    expect(window.location.search).toContain("layer=1");
    expect(await screen.findByText("Layer 1 has no neurons here")).toBeVisible();
    expect(screen.getByText("This block is a mixture of experts.")).toBeVisible();
    expect(screen.queryByRole("alert")).toBeNull();
    expect(asked("/heatmap", "address")).not.toContain("mlp_act.1");
    await expectAccessible(document.body);
    await userEvent.click(screen.getByRole("button", { name: "Show its residual stream" }));
    expect(window.location.search).toContain("point=resid_post");
    await waitFor(() =>
      expect(screen.getByTestId("heatmap")).toHaveAttribute("data-address", "resid_post.1"),
    );
    await userEvent.selectOptions(screen.getByLabelText("Point"), "Neurons");
    expect(window.location.search).not.toContain("point=");
  });

  it("keeps such a layer in the table of statistics", async () => {
    server.on(`GET /api/traces/${TRACE_ID}`, { body: mixed });
    renderAt(`/?trace=${TRACE_ID}&tab=layers`, <ExploreView />);
    const table = await screen.findByRole("table");
    const [, , last] = within(table).getAllByRole("row");
    expect(last).toHaveTextContent("1This block is a mixture of experts.");
  });
});
