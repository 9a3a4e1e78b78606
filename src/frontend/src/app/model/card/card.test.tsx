import { screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { beforeEach, describe, expect, it } from "vitest";
import type { ModelCard } from "@/api/types";
import { block, card, node, weightReport } from "@/testing/card";
import { everyday, job } from "@/testing/fixtures";
import { expectAccessible, renderAt } from "@/testing/render";
import { type FakeServer, failure, fakeServer } from "@/testing/server";
import { ModelCardModal } from "../ModelCardModal";

const NONE = failure(404, "not_found", "The weights have not been measured yet.");

let server: FakeServer;
beforeEach(() => {
  server = fakeServer({ ...everyday, "GET /api/models/weights": NONE });
});

async function open(tab: string, part: Partial<ModelCard> = {}) {
  server.on("GET /api/models/card", { body: { ...card, ...part } });
  renderAt(`/?card=${tab}`, <ModelCardModal modelId="neuronscope/tiny" />);
  return screen.findByRole("dialog", { name: /Model card/ });
}

describe("the card", () => {
  it("is opened by the address, and its tabs are in it", async () => {
    const dialog = await open("points");
    expect(await within(dialog).findByText("no: it has no experts")).toBeVisible();
    await userEvent.click(within(dialog).getByRole("tab", { name: "About" }));
    expect(within(dialog).getByRole("heading", { name: "Tiny" })).toBeVisible();
    expect(window.location.search).toBe("?card=about");
    await expectAccessible(document.body);
    await userEvent.click(within(dialog).getByRole("button", { name: "Close" }));
    expect(window.location.search).toBe("");
  });

  it("leaves out what a model has not, and takes a tab that it knows for one that it does not", async () => {
    const dialog = await open("nothing", { about: "" });
    expect(await within(dialog).findByText("LlamaForCausalLM")).toBeVisible();
    expect(within(dialog).queryByRole("tab", { name: "About" })).toBeNull();
  });

  it("says what went wrong", async () => {
    server.on("GET /api/models/card", failure(409, "conflict", "It is not on this machine yet."));
    renderAt("/?card=overview", <ModelCardModal modelId="a/b" />);
    expect(await screen.findByText("It is not on this machine yet.")).toBeVisible();
  });
});

describe("the anatomy", () => {
  it("is drawn with a button for each box, which says what it is and why a point is refused", async () => {
    const dialog = await open("overview");
    const drawing = await within(dialog).findByRole("group", { name: /Diagram of attention \+ MLP/ });
    expect(within(drawing).getAllByRole("button")).toHaveLength(block.nodes.length);
    const box = within(drawing).getByRole("button", { name: "in 4 → 4 mlp_pre" });
    box.focus();
    await userEvent.keyboard("{Enter}");
    expect(box).toHaveAttribute("aria-pressed", "true");
    const aside = within(dialog).getByRole("complementary", { name: "The chosen box" });
    expect(aside).toHaveTextContent("model.layers.0.mlp-in");
    expect(aside).toHaveTextContent("mlp_gate not served: its MLP has no gate");
    expect(aside).toHaveTextContent("router not served: this block is not a mixture of experts");
    expect(window.location.search).toBe("?card=overview&box=mlp-in");
    await expectAccessible(document.body);
  });

  it("says the same as a list", async () => {
    const dialog = await open("overview");
    await userEvent.click(await within(dialog).findByRole("radio", { name: "List" }));
    const list = within(dialog).getByRole("list", { name: "Parts of attention + MLP" });
    const parts = [...list.children];
    expect(parts).toHaveLength(block.nodes.length);
    expect(parts[5]).toHaveTextContent("from queries, keys, values, to attention output");
    await expectAccessible(document.body);
  });

  it("shows the kinds of blocks in their pattern", async () => {
    const other = {
      ...block,
      title: "state space",
      layers: [2, 5],
      nodes: [node({ id: "only" })],
      edges: [],
    };
    const dialog = await open("overview", {
      diagram: { ...card.diagram, blocks: [block, other], stack: [{ kinds: [0, 0, 1], times: 2 }] },
    });
    const stack = await within(dialog).findByRole("list", { name: "From the tokens to the scores" });
    expect(stack).toHaveTextContent("Block A × 2");
    await userEvent.click(within(stack).getByRole("button", { name: /Block B/ }));
    expect(await within(dialog).findByText("Block B: state space")).toBeVisible();
    expect(within(dialog).getByText(/layers 2, 5/)).toBeVisible();
  });
});

describe("the equations", () => {
  it("are set with MathML, and what could not be established is said", async () => {
    const dialog = await open("equations");
    const norm = await within(dialog).findByRole("article", { name: "Norm" });
    await waitFor(() => expect(norm.querySelector("math mfrac")).not.toBeNull());
    expect(norm).toHaveTextContent("Used by input_layernorm, norm.");
    expect(norm).toHaveTextContent("largest relative difference 1.2e-07");
    const mlp = within(dialog).getByRole("article", { name: "MLP, layer 1" });
    expect(mlp).toHaveTextContent("Not established: its neurons are not served.");
    expect(mlp.querySelector("math")).toBeNull();
    await expectAccessible(document.body);
  });

  it("never lets a formula bring a link or markup of its own", async () => {
    const latex = "\\href{javascript:alert(1)}{x}\\htmlClass{a}{y}";
    const [first] = card.equations;
    if (!first) throw new Error("the fixture has equations");
    const dialog = await open("equations", { equations: [{ ...first, latex }] });
    const norm = await within(dialog).findByRole("article", { name: "Norm" });
    await waitFor(() => expect(norm.querySelector(".katex")).not.toBeNull());
    expect(norm.querySelector("a")).toBeNull();
    expect(norm.querySelector(".a")).toBeNull();
  });
});

describe("the weights", () => {
  it("are measured on request, watched, and shown when they are there", async () => {
    const running = job({ kind: "weights", title: "Weights of neuronscope/tiny" });
    const progress = { ...running.progress, done: 1, total: 2, unit: "layers" };
    server.on("POST /api/models/weights", { status: 202, body: { ...running, progress } });
    server.on(`GET /api/jobs/${running.job_id}`, { body: { ...running, progress } });
    const dialog = await open("weights");
    await userEvent.click(await within(dialog).findByRole("button", { name: "Measure the weights" }));
    expect(server.calls.find((call) => call.method === "POST")?.body).toEqual({
      model_id: "neuronscope/tiny",
    });
    expect(await within(dialog).findByText(/1 of 2 layers/)).toBeVisible();
    expect(within(dialog).getByRole("button", { name: /^Cancel/ })).toBeVisible();
    server.on("GET /api/models/weights", { body: weightReport });
    server.on(`GET /api/jobs/${running.job_id}`, { body: { ...running, state: "done" } });
    expect(await within(dialog).findByRole("heading", { name: "Weights layer by layer" })).toBeVisible();
  });

  it("show each layer of a part, and lead to the neurons that are at fault", async () => {
    server.on("GET /api/models/weights", { body: weightReport });
    const dialog = await open("weights");
    expect(await within(dialog).findByRole("img", { name: /^Layer 0: .*deviation 0.2000/ })).toBeVisible();
    expect(within(dialog).getByRole("heading", { name: "Dead neurons: 1" })).toBeVisible();
    expect(within(dialog).getByRole("heading", { name: "Duplicates: 1 pair" })).toBeVisible();
    const link = within(dialog).getByRole("link", { name: "mlp_act.0:3" });
    expect(link).toHaveAttribute("href", "/neuron?model=neuronscope/tiny&unit=mlp_act.0:3");
    await userEvent.click(within(dialog).getByRole("radio", { name: "MLP gate" }));
    expect(within(dialog).getByRole("img", { name: /^Layer 1: .*deviation 0.3000/ })).toBeVisible();
    expect(window.location.search).toBe("?card=weights&part=gate");
    await expectAccessible(document.body);
  });
});

describe("the tokenizer", () => {
  it("is described, its chat template shown as text and never run", async () => {
    const dialog = await open("tokenizer");
    expect(await within(dialog).findByText("3 of 100")).toBeVisible();
    const template = within(dialog).getByRole("region", { name: "Text of the chat template" });
    const code = within(dialog).getByText("{% for message in messages %}<b>{{ message }}</b>{% endfor %}");
    expect(template).toBeVisible();
    expect(code.querySelector("b")).toBeNull();
    expect(within(dialog).getByText("·1")).toBeVisible();
    await expectAccessible(document.body);
  });
});

describe("the truth", () => {
  it("is told point by point", async () => {
    const dialog = await open("truth");
    expect(await within(dialog).findByText("What you see is what the plain model computes.")).toBeVisible();
    expect(within(dialog).getByRole("row", { name: /logits the plain model .* holds/ })).toBeVisible();
    await expectAccessible(document.body);
  });

  it("warns on the tab and in words where it fails", async () => {
    const [row] = card.parity?.rows ?? [];
    if (!card.parity || !row) throw new Error("the fixture has rows");
    const failing = { ...row, holds: false, largest_absolute: 0.5 };
    const dialog = await open("truth", {
      parity: { ...card.parity, holds: false, largest_absolute: 0.5, rows: [failing] },
    });
    expect(await within(dialog).findByText(/don't trust its figures/)).toBeVisible();
    expect(within(dialog).getByRole("tab", { name: /Something is wrong here/ })).toBeVisible();
    expect(within(dialog).getByRole("row", { name: /fails$/ })).toBeVisible();
    await expectAccessible(document.body);
  });

  it("has words for a difference that is not a number", async () => {
    const { parity } = card;
    const [row] = parity?.rows ?? [];
    if (!parity || !row) throw new Error("the fixture has rows");
    // As the server sends it: JSON has no NaN.
    const none = { largest_absolute: null, largest_relative: null } as unknown as typeof row;
    const dialog = await open("truth", {
      parity: { ...parity, ...none, holds: false, rows: [{ ...row, ...none, holds: false }] },
    });
    expect(await within(dialog).findByText(/Some logits are not numbers/)).toBeVisible();
    expect(within(dialog).getByRole("row", { name: /not a number not a number .* fails$/ })).toBeVisible();
    expect(dialog).not.toHaveTextContent("null");
  });

  it("says so where nothing was compared", async () => {
    const dialog = await open("truth", { parity: null });
    expect(await within(dialog).findByText("Not compared")).toBeVisible();
  });
});
