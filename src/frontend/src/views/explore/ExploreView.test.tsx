import { screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { useSession } from "@/state/session";
import { everyday, heatmap, layers, model, recorded, TRACE_ID, trace } from "@/testing/fixtures";
import { expectAccessible, renderAt } from "@/testing/render";
import { type FakeServer, failure, fakeServer, never } from "@/testing/server";
import ExploreView from "./ExploreView";

// Plotly draws with what jsdom has not; the figure's data have tests of their own.
vi.mock("@/components/plot/plotly", () => ({
  default: () => <div data-testid="plot" />,
  downloadImage: vi.fn(),
}));

let server: FakeServer;
beforeEach(() => {
  server = fakeServer({ ...everyday, ...recorded });
});

describe("without a trace", () => {
  it("says what to do, and does it", async () => {
    server.on("POST /api/captures", {
      status: 201,
      body: {
        trace_id: TRACE_ID,
        model_id: "neuronscope/tiny",
        layers: [0, 1],
        points: ["mlp_act.0", "mlp_act.1"],
        unavailable: {},
      },
    });
    renderAt("/", <ExploreView />);
    expect(screen.getByText(/See neurons light up/)).toBeVisible();
    expect(screen.getByRole("button", { name: "Run" })).toBeDisabled();
    await expectAccessible(document.body);
    await userEvent.type(screen.getByLabelText("Prompt"), "23 +");
    await userEvent.keyboard("{Control>}{Enter}{/Control}");
    await waitFor(() => expect(window.location.search).toContain(`trace=${TRACE_ID}`));
    const captured = server.calls.find((call) => call.path === "/api/captures");
    expect(captured?.body).toEqual({ model_id: "neuronscope/tiny", prompt: "23 +" });
    expect(await screen.findByTestId("heatmap")).toBeVisible();
  });

  it("offers the prompts that ran before, and deletes them", async () => {
    const other = trace({ trace_id: "t_other", model_id: "local/other", text: "elsewhere" });
    server.on("GET /api/traces", { body: { traces: [trace(), other] } });
    server.on(`DELETE /api/traces/${TRACE_ID}`, { body: { deleted: TRACE_ID } });
    renderAt("/", <ExploreView />);
    const link = await screen.findByRole("link", { name: "23 +" });
    expect(link.getAttribute("href")).toBe(`/?model=neuronscope/tiny&trace=${TRACE_ID}`);
    expect(screen.queryByText("elsewhere")).toBeNull();
    await expectAccessible(document.body);
    server.on("GET /api/traces", { body: { traces: [other] } });
    await userEvent.click(screen.getByRole("button", { name: "Delete the trace of 23 +" }));
    await waitFor(() => expect(screen.queryByRole("link", { name: "23 +" })).toBeNull());
  });

  it("shows why a prompt could not run", async () => {
    server.on(
      "POST /api/captures",
      failure(400, "too_long", "The prompt has 900 tokens; the model takes 512.", "Shorten it."),
    );
    renderAt("/", <ExploreView />);
    await userEvent.type(screen.getByLabelText("Prompt"), "long");
    await userEvent.click(screen.getByRole("button", { name: "Run" }));
    expect(await screen.findByRole("alert")).toHaveTextContent(/900 tokens.*Shorten it/);
  });

  it("lets a slow run be cancelled", async () => {
    server.on("POST /api/captures", never);
    renderAt("/", <ExploreView />);
    await userEvent.type(screen.getByLabelText("Prompt"), "slow");
    await userEvent.click(screen.getByRole("button", { name: "Run" }));
    await userEvent.click(await screen.findByRole("button", { name: "Cancel" }, { timeout: 3000 }));
    await waitFor(() => expect(screen.queryByRole("progressbar")).toBeNull());
    expect(screen.queryByRole("alert")).toBeNull();
  });
});

describe("with a trace", () => {
  it("shows its prompt, predictions, layers and units, each unit a link", async () => {
    renderAt(`/?trace=${TRACE_ID}`, <ExploreView />);
    await waitFor(() => expect(screen.getByLabelText("Prompt")).toHaveValue("23 +"));
    expect(await screen.findByText("50.0 %")).toBeVisible();
    const link = await screen.findByRole("link", { name: "#7" });
    expect(link.getAttribute("href")).toBe(
      `/neuron?model=neuronscope/tiny&unit=mlp_act.0:7&trace=${TRACE_ID}`,
    );
    expect(screen.getByRole("radiogroup", { name: "Layer" })).toBeInTheDocument();
    await expectAccessible(document.body);
  });

  it("draws no bars where the logits are not finite", async () => {
    const logprob = null as unknown as number;
    server.on(`GET /api/traces/${TRACE_ID}`, { body: trace({ top: [{ id: 5, text: " 4", logprob }] }) });
    renderAt(`/?trace=${TRACE_ID}`, <ExploreView />);
    const list = await screen.findByTestId("next-tokens");
    expect(list).toHaveTextContent(/not finite.*logits are not finite here/);
    expect(list).not.toHaveTextContent("%");
    expect(list.querySelector("[style*=width]")).toBeNull();
  });

  it("counts the tokens of its text, but not of another", async () => {
    renderAt(`/?trace=${TRACE_ID}`, <ExploreView />);
    expect(await screen.findByText(/3 tokens/)).toBeInTheDocument();
    await userEvent.type(screen.getByLabelText("Prompt"), " 4");
    expect(screen.queryByText(/3 tokens/)).toBeNull();
  });

  it("changes the layer in the address", async () => {
    renderAt(`/?trace=${TRACE_ID}`, <ExploreView />);
    await userEvent.click(await screen.findByRole("radio", { name: "Layer 1" }));
    expect(window.location.search).toContain("layer=1");
    await waitFor(() => {
      const asked = server.calls
        .filter((call) => call.path.endsWith("/heatmap"))
        .map((call) => call.query.get("address"));
      expect(asked).toContain("mlp_act.1");
    });
  });

  it("reads out a cell at full precision by keyboard, and opens its neuron", async () => {
    renderAt(`/?trace=${TRACE_ID}`, <ExploreView />);
    (await screen.findByTestId("heatmap")).focus();
    await userEvent.keyboard("{ArrowDown}{ArrowRight}{ArrowRight}");
    expect(screen.getByTestId("heatmap-readout")).toHaveTextContent("mlp_act.0:7 · token 2 “·+” · -2");
    await userEvent.keyboard("{Enter}");
    expect(window.location.pathname).toBe("/neuron");
    expect(window.location.search).toContain("unit=mlp_act.0:7");
  });

  it("shows a skeleton while it loads and an error with a retry", async () => {
    let answers = 0;
    server.on(`GET /api/traces/${TRACE_ID}/heatmap`, () => {
      answers += 1;
      return answers === 1
        ? failure(409, "not_captured", "The trace did not keep mlp_act.0.")
        : { body: heatmap };
    });
    renderAt(`/?trace=${TRACE_ID}`, <ExploreView />);
    expect(await screen.findByRole("alert")).toHaveTextContent("did not keep");
    await userEvent.click(within(screen.getByRole("alert")).getByRole("button", { name: "Try again" }));
    expect(await screen.findByTestId("heatmap")).toBeVisible();
  });

  it("says so when it is gone, and offers a start", async () => {
    server.on(`GET /api/traces/${TRACE_ID}`, failure(404, "not_found", "There is no such trace."));
    renderAt(`/?trace=${TRACE_ID}`, <ExploreView />);
    expect(await screen.findByRole("alert")).toHaveTextContent("There is no such trace.");
    expect(screen.getByText(/See neurons light up/)).toBeVisible();
    expect(screen.getAllByRole("alert")).toHaveLength(1);
  });

  describe("of a run", () => {
    const tokens = ["<|user|>", "23", " +"].map((text, id) => ({ id, text, special: id === 0 }));
    const ofRun = trace({ steps: 9, text: "<|user|>23", tokens });
    beforeEach(() => server.on(`GET /api/traces/${TRACE_ID}`, { body: ofRun }));

    it("that kept no tensors says so once, calmly, and captures its prompt", async () => {
      const missing = failure(409, "not_captured", "This trace did not keep mlp_act.0 whole.");
      for (const what of ["layers", "heatmap"]) server.on(`GET /api/traces/${TRACE_ID}/${what}`, missing);
      useSession.setState({ prompt: "something else" });
      renderAt(`/?trace=${TRACE_ID}`, <ExploreView />);
      expect(await screen.findByText("A run of 9 steps")).toBeVisible();
      expect(screen.queryByRole("alert")).toBeNull();
      expect(screen.queryByText("All layers")).toBeNull();
      expect(screen.getByRole("link", { name: "Open it in Live" })).toHaveAttribute(
        "href",
        `/live?trace=${TRACE_ID}`,
      );
      await expectAccessible(document.body);
      server.on("POST /api/captures", never);
      await userEvent.click(screen.getByRole("button", { name: "Capture its prompt" }));
      await waitFor(() =>
        expect(server.calls.find(({ path }) => path === "/api/captures")?.body).toMatchObject({
          prompt: "<|user|>23 +",
        }),
      );
    });

    it("that kept them is drawn, and says of what", async () => {
      renderAt(`/?trace=${TRACE_ID}`, <ExploreView />);
      expect(await screen.findByTestId("heatmap")).toBeVisible();
      expect(screen.getByText("This trace is of a run with 9 steps")).toBeVisible();
    });
  });

  it("says so when it belongs to another model", async () => {
    server.on(`GET /api/traces/${TRACE_ID}`, { body: trace({ model_id: "local/other" }) });
    renderAt(`/?trace=${TRACE_ID}`, <ExploreView />);
    expect(await screen.findByText(/recorded on local\/other/)).toBeVisible();
    await userEvent.click(screen.getByRole("button", { name: "Switch to that model" }));
    expect(window.location.search).toContain("model=local/other");
  });

  it("lists the statistics of its layers", async () => {
    renderAt(`/?trace=${TRACE_ID}&tab=layers`, <ExploreView />);
    const table = await screen.findByRole("table");
    expect(within(table).getAllByRole("row")).toHaveLength(layers.layers.length + 1);
    await userEvent.click(screen.getByRole("button", { name: "max" }));
    expect(await screen.findByRole("img", { name: "max of mlp_act by layer" })).toBeVisible();
    await expectAccessible(document.body);
  });
});

it("runs the prompt again once the model that was switched to is loaded", async () => {
  server.on("POST /api/captures", never);
  renderAt("/?model=local/other", <ExploreView />);
  useSession.setState({ prompt: "23 +", rerun: true });
  await waitFor(() => expect(server.calls.some((call) => call.path === "/api/models")).toBe(true));
  expect(server.calls.some((call) => call.path === "/api/captures")).toBe(false);
  server.on("GET /api/models", { body: { models: [model({ model_id: "local/other" })] } });
  renderAt("/?model=local/other", <ExploreView />);
  useSession.setState({ prompt: "23 +", rerun: true });
  await waitFor(() => expect(server.calls.some((call) => call.path === "/api/captures")).toBe(true));
});
