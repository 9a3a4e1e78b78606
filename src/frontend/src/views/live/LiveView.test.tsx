import { act, screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { beforeEach, describe, expect, it } from "vitest";
import type { LiveEvent } from "@/lib/liveEvents";
import { everyday, TRACE_ID, trace } from "@/testing/fixtures";
import { done, FakeSocket, receipt, start, step } from "@/testing/live";
import { expectAccessible, renderAt } from "@/testing/render";
import { type FakeServer, failure, fakeServer } from "@/testing/server";
import LiveView from "./LiveView";
import { newChat, useLive } from "./store";

let server: FakeServer;
beforeEach(() => {
  newChat();
  useLive.setState(useLive.getInitialState(), true);
  FakeSocket.install();
  server = fakeServer({ ...everyday, [`GET /api/traces/${TRACE_ID}`]: { body: trace({ closed: true }) } });
});

const emit = (...events: LiveEvent[]) => act(() => FakeSocket.last.emit(...events));
const open = () => act(() => FakeSocket.last.open());
const query = (key: string) => new URLSearchParams(window.location.search).get(key);
const sent = (type: string) => FakeSocket.last.sent.filter((one) => one.type === type);
const cell = (name: RegExp) => screen.getByTitle(name);

async function say(text: string): Promise<void> {
  await userEvent.type(screen.getByLabelText("Message"), text);
  await userEvent.keyboard("{Enter}");
  open();
}

/** A run of three steps that goes on. */
async function running(): Promise<void> {
  renderAt("/live", <LiveView />);
  await say("Hi there");
  emit(start(), step(0), step(1), step(2));
  await screen.findByRole("button", { name: "a: 50.0 %" });
}

/** The same, looked at through its link when it is over. */
async function recorded(search = ""): Promise<void> {
  renderAt(`/live?trace=${TRACE_ID}${search}`, <LiveView />);
  await waitFor(() => expect(FakeSocket.all).toHaveLength(1));
  open();
  emit(start(), step(0), step(1), step(2), done("eos"));
  await screen.findByText("The model ended its answer.");
}

describe("before anything was said", () => {
  it("says what to do, and does it", async () => {
    renderAt("/live", <LiveView />);
    expect(screen.getByText("Watch a model think")).toBeVisible();
    await expectAccessible(document.body);
    await userEvent.click(screen.getByRole("button", { name: "What is 23 + 45?" }));
    open();
    expect(sent("generate")).toEqual([
      {
        type: "generate",
        model_id: "neuronscope/tiny",
        messages: [{ role: "user", content: "What is 23 + 45?" }],
        max_new_tokens: 64,
        temperature: 0,
        interventions: [],
      },
    ]);
  });

  it("lists runs of the model, but no prompts that were only read", async () => {
    const runs = [
      trace({ trace_id: "t_run", steps: 9, text: "<|bos|><|user|>Tell me.<|end|>" }),
      trace({ trace_id: "t_prompt", steps: 1, text: "Read this" }),
      trace({ trace_id: "t_other", steps: 9, model_id: "local/other", text: "Elsewhere" }),
    ];
    server.on("GET /api/traces", { body: { traces: runs } });
    renderAt("/live", <LiveView />);
    const list = await screen.findByRole("region", { name: "Recent runs" });
    expect(within(list).getAllByRole("link")).toHaveLength(1);
    expect(within(list).getByRole("link", { name: "Tell me." })).toHaveAttribute(
      "href",
      "/live?model=neuronscope/tiny&trace=t_run",
    );
  });

  it("sends plain text with the settings of the address", async () => {
    renderAt("/live?mode=text&tokens=7&temperature=0.5&topk=3&topp=0.9&seed=4", <LiveView />);
    await userEvent.type(screen.getByLabelText("Text to go on with"), "Once");
    await userEvent.click(screen.getByRole("button", { name: "Send" }));
    open();
    expect(sent("generate")[0]).toMatchObject({
      prompt: "Once",
      max_new_tokens: 7,
      temperature: 0.5,
      top_k: 3,
      top_p: 0.9,
      seed: 4,
    });
    expect(sent("generate")[0]).not.toHaveProperty("messages");
  });

  it("takes plain text only where the model has no chat template", async () => {
    const { card } = await import("@/testing/card");
    server.on("GET /api/models/card", { body: { ...card, has_chat_template: false } });
    renderAt("/live", <LiveView />);
    expect(await screen.findByLabelText("Text to go on with")).toBeVisible();
    expect(screen.getByRole("button", { name: "The capital of France is" })).toBeVisible();
  });
});

describe("a run", () => {
  it("streams in, and is in the address", async () => {
    await running();
    expect(query("trace")).toBe(TRACE_ID);
    expect(query("step")).toBeNull();
    expect(screen.getByText("Hi there")).toBeVisible();
    expect(screen.getByText("step 2 · 3 steps")).toBeVisible();
    expect(cell(/^mlp_act\.1 · L2 norm 22/)).toBeVisible();
    const slider = screen.getByRole("slider", { name: "Step" });
    expect(slider).toHaveAttribute("aria-valuetext", "step 2, a, 50.0 %");
    await expectAccessible(document.body);
    emit(step(3));
    await waitFor(() => expect(slider).toHaveAttribute("aria-valuenow", "3"));
  });

  it("goes on with what was said before", async () => {
    await running();
    emit(step(3, { token: "</s>" }), done("eos"));
    await screen.findByText("The model ended its answer.");
    await say("More");
    expect(sent("generate")[0]?.messages).toEqual([
      { role: "user", content: "Hi there" },
      { role: "assistant", content: "Once upon a" },
      { role: "user", content: "More" },
    ]);
    expect((await screen.findAllByText("Reading the prompt …"))[0]).toBeVisible();
  });

  it("tells how many go first, and is named in the address while it waits", async () => {
    renderAt("/live", <LiveView />);
    await say("Hi");
    emit({ type: "queued", trace_id: TRACE_ID, position: 2 });
    expect((await screen.findAllByText(/2 runs go first/))[0]).toBeVisible();
    await waitFor(() => expect(query("trace")).toBe(TRACE_ID), { timeout: 2000 });
    emit({ type: "queued", trace_id: TRACE_ID, position: 1 });
    expect((await screen.findAllByText(/one run goes first/))[0]).toBeVisible();
  });

  it("that is refused gives back what was typed", async () => {
    renderAt("/live", <LiveView />);
    await say("Hi");
    emit({ type: "queued", trace_id: TRACE_ID, position: 0 });
    emit({
      type: "error",
      request: null,
      code: "too_large",
      message: "900 tokens are too many.",
      hint: "Less.",
    });
    expect(await screen.findByRole("alert")).toHaveTextContent("900 tokens are too many.");
    expect(screen.getByLabelText("Message")).toHaveValue("Hi");
    expect(query("trace")).toBeNull();
  });

  it("that is refused leaves the one before it on screen", async () => {
    await running();
    emit(done("length"));
    await screen.findByText(/context is full/);
    await say("More");
    emit({ type: "error", request: "generate", code: "conflict", message: "Too many.", hint: "" });
    expect(await screen.findByRole("alert")).toHaveTextContent("Too many.");
    expect(screen.getByRole("button", { name: "a: 50.0 %" })).toBeVisible();
    expect(query("trace")).toBe(TRACE_ID);
  });

  it("that is stopped while it waits gives back what was typed", async () => {
    renderAt("/live", <LiveView />);
    await say("Hi");
    emit({ type: "queued", trace_id: TRACE_ID, position: 1 });
    await waitFor(() => expect(query("trace")).toBe(TRACE_ID), { timeout: 2000 });
    await userEvent.click(screen.getByRole("button", { name: "Stop" }));
    emit(done("stopped"));
    expect(await screen.findByRole("button", { name: "Send" })).toBeEnabled();
    expect(screen.getByLabelText("Message")).toHaveValue("Hi");
    expect(query("trace")).toBeNull();
    expect(screen.queryByRole("alert")).toBeNull();
  });

  it("that fails on the way keeps its steps", async () => {
    await running();
    emit({ type: "error", request: null, code: "work_failed", message: "The model failed.", hint: "" });
    expect(await screen.findByRole("alert")).toHaveTextContent("The model failed.");
    expect(screen.getByText("step 2 · 3 steps")).toBeVisible();
    expect(screen.getByRole("button", { name: "Send" })).toBeInTheDocument();
  });

  it("stops", async () => {
    await running();
    await userEvent.click(screen.getByRole("button", { name: "Stop" }));
    expect(sent("stop")).toEqual([{ type: "stop", trace_id: TRACE_ID }]);
    emit(done("stopped"));
    expect(await screen.findByText("Stopped before its end.")).toBeVisible();
  });

  it("is joined again where the connection breaks, and says so meanwhile", async () => {
    await running();
    act(() => FakeSocket.last.break());
    expect(await screen.findByText("The connection to the run is lost")).toBeVisible();
    await userEvent.click(screen.getByRole("button", { name: "Try now" }));
    open();
    expect(sent("watch")).toEqual([{ type: "watch", trace_id: TRACE_ID, from_step: 2 }]);
    emit(start(), step(2), step(3), done());
    expect(await screen.findByText("step 3 · 4 steps")).toBeVisible();
    expect(screen.queryByText("The connection to the run is lost")).toBeNull();
  });
});

describe("a trace by its link", () => {
  it("opens at its step, without asking for more payloads than come of themselves", async () => {
    await recorded("&step=1&layer=1&stat=max");
    expect(sent("watch")).toEqual([{ type: "watch", trace_id: TRACE_ID, from_step: 0 }]);
    expect(screen.getByText("step 1 · 3 steps")).toBeVisible();
    expect(cell(/^mlp_act\.1 · max 1\.25/)).toHaveAttribute("data-chosen");
    expect(screen.getByRole("radio", { name: "Layer 1" })).toBeChecked();
    expect(query("step")).toBe("1");
  });

  it("that is gone leaves the page as if none had been named", async () => {
    server.on(`GET /api/traces/${TRACE_ID}`, failure(404, "not_found", "There is no trace."));
    renderAt(`/live?trace=${TRACE_ID}`, <LiveView />);
    await waitFor(() => expect(FakeSocket.all).toHaveLength(1));
    open();
    emit({ type: "error", request: "watch", code: "not_found", message: "There is no trace.", hint: "" });
    expect(await screen.findByRole("alert")).toHaveTextContent("There is no trace.");
    expect(screen.getByText("Watch a model think")).toBeVisible();
    expect(query("trace")).toBeNull();
  });

  it("says of which model it is", async () => {
    renderAt(`/live?trace=${TRACE_ID}&model=local/other`, <LiveView />);
    await waitFor(() => expect(FakeSocket.all).toHaveLength(1));
    open();
    emit(start(), step(0), done());
    expect(await screen.findByText("This run is of neuronscope/tiny")).toBeVisible();
  });

  it("of a prompt alone says that nothing was generated", async () => {
    renderAt(`/live?trace=${TRACE_ID}`, <LiveView />);
    await waitFor(() => expect(FakeSocket.all).toHaveLength(1));
    open();
    const entries = step(0).entries.map((entry) => ({ ...entry, payload: { kind: "full" } }));
    emit(start(), step(0, { token: null, logprob: null, token_id: null, entries }), done());
    expect(await screen.findByText(/Nothing was generated/)).toBeVisible();
    expect(screen.getByRole("link", { name: "see it in Explore" })).toHaveAttribute(
      "href",
      `/?trace=${TRACE_ID}`,
    );
  });

  it("of a server that gives tokens alone says why nothing else is there", async () => {
    renderAt(`/live?trace=${TRACE_ID}`, <LiveView />);
    await waitFor(() => expect(FakeSocket.all).toHaveLength(1));
    open();
    const blank = { entries: [], inputs: [], token_id: null };
    emit(
      start({ points: [], unavailable: { embed: "tokens only", mlp_act: "tokens only" } }),
      step(0, blank),
      step(1, { ...blank, logprob: null, top: [] }),
      done("eos"),
    );
    expect(await screen.findByText("This run shows no layers")).toBeVisible();
    expect(screen.getByText("embed, mlp_act: tokens only")).toBeVisible();
    expect(screen.getByRole("button", { name: "upon: not told" })).toBeVisible();
    await say("More");
    expect(sent("generate")[0]?.messages).toContainEqual({ role: "assistant", content: "Once upon" });
  });

  it("takes what was in force then for no wish of now", async () => {
    renderAt(`/live?trace=${TRACE_ID}`, <LiveView />);
    await waitFor(() => expect(FakeSocket.all).toHaveLength(1));
    open();
    const change = { id: "boost x", units: ["mlp_act.0:9"], op: "scale", value: 2 };
    emit(start(), step(0), receipt(0, [change], true), done());
    expect(await screen.findByText(/changed 1 unit at 1 position, by 4/)).toBeVisible();
    expect(screen.getByText(/None is asked for/)).toBeVisible();
  });
});
