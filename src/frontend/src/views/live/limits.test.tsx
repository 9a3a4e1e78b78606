import { act, screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { beforeEach, describe, expect, it } from "vitest";
import { makeChange } from "@/lib/changes";
import type { LiveEvent, Message } from "@/lib/liveEvents";
import { everyday, TRACE_ID, trace } from "@/testing/fixtures";
import { done, FakeSocket, start, step } from "@/testing/live";
import { expectAccessible, renderAt } from "@/testing/render";
import { fakeServer } from "@/testing/server";
import LiveView from "./LiveView";
import { newChat, useLive } from "./store";

beforeEach(() => {
  newChat();
  useLive.setState(useLive.getInitialState(), true);
  FakeSocket.install();
  fakeServer({ ...everyday, [`GET /api/traces/${TRACE_ID}`]: { body: trace({ closed: false }) } });
});

const emit = (...events: LiveEvent[]) => act(() => FakeSocket.last.emit(...events));
const open = () => act(() => FakeSocket.last.open());
const sent = (type: string) => FakeSocket.last.sent.filter((one) => one.type === type);
const box = () => screen.getByLabelText("Message");

const said = (...words: string[]): Message[] =>
  words.map((content, at) => ({ role: at % 2 ? "assistant" : "user", content }));

/** A conversation of three questions; the last answer is on screen. */
async function talked(): Promise<void> {
  renderAt("/live", <LiveView />);
  await userEvent.type(box(), "Three{Enter}");
  open();
  const settings = { messages: said("One", "1", "Two", "2", "Three"), max_new_tokens: 2 };
  emit(start({ settings }), step(0), step(1), done("length"));
  await screen.findByText("It came to the most tokens that were asked for: 2.");
}

describe("a conversation that is too long", () => {
  const tooLong: LiveEvent = {
    type: "error",
    request: null,
    code: "too_large",
    message: "The conversation has 900 tokens; neuronscope/tiny reads at most 512.",
    hint: "Leave out earlier messages.",
  };

  it("goes on without its earliest messages where one says so, and tells how many", async () => {
    await talked();
    await userEvent.type(box(), "Four{Enter}");
    open();
    emit(tooLong);
    expect(await screen.findByRole("alert")).toHaveTextContent("900 tokens");
    expect(box()).toHaveValue("Four");
    await expectAccessible(document.body);
    const first = FakeSocket.all.length;
    await userEvent.click(screen.getByRole("button", { name: "Leave out as many as it takes" }));
    open();
    expect(sent("generate")[0]?.messages).toEqual(said("Two", "2", "Three", "Once upon", "Four"));
    // Still too long: what was agreed to holds.
    emit(tooLong);
    await waitFor(() => expect(FakeSocket.all).toHaveLength(first + 2));
    open();
    const messages = said("Three", "Once upon", "Four");
    expect(sent("generate")[0]?.messages).toEqual(messages);
    emit(start({ settings: { messages } }), step(0));
    expect(await screen.findByText(/4 earlier messages were left out/)).toBeVisible();
    expect(screen.queryByRole("alert")).toBeNull();
  });

  it("is left alone where one message is too long in itself", async () => {
    renderAt("/live", <LiveView />);
    await userEvent.type(box(), "Long{Enter}");
    open();
    emit(tooLong);
    expect(await screen.findByRole("alert")).toBeVisible();
    expect(screen.queryByRole("button", { name: /Leave out/ })).toBeNull();
  });
});

it("says so where Enter sends nothing, since a run is at work", async () => {
  renderAt("/live", <LiveView />);
  await userEvent.type(box(), "One{Enter}");
  open();
  emit(start(), step(0));
  await userEvent.type(box(), "Two{Enter}");
  expect(screen.getByText(/Not sent: the model is still at work/)).toBeVisible();
  expect(box()).toHaveValue("Two");
  emit(done("eos"));
  await screen.findByText("The model ended its answer.");
  expect(screen.queryByText(/Not sent/)).toBeNull();
  await userEvent.type(box(), "{Enter}");
  open();
  expect(sent("generate")[0]?.messages).toContainEqual({ role: "user", content: "Two" });
});

describe("a change that comes at the very start or end of a run", () => {
  const UNIT = "mlp_act.0:2";
  const conflict: LiveEvent = {
    type: "error",
    request: "intervene",
    code: "conflict",
    message: "This run has not begun.",
    hint: "",
  };

  async function boosted(): Promise<void> {
    renderAt(`/live?trace=${TRACE_ID}&unit=${UNIT}`, <LiveView />);
    await waitFor(() => expect(FakeSocket.all).toHaveLength(1));
    open();
    emit(start(), step(0));
    await screen.findByText("step 0 · 1 step");
    await userEvent.click(screen.getByRole("button", { name: "Boost" }));
  }

  it("is asked for again, and nothing is said of it", async () => {
    await boosted();
    emit(conflict);
    await waitFor(() => expect(sent("intervene")).toHaveLength(2), { timeout: 3000 });
    expect(sent("intervene")[1]).toEqual(sent("intervene")[0]);
    expect(screen.queryByRole("alert")).toBeNull();
  });

  it("goes with the next message where the run is over", async () => {
    await boosted();
    emit(conflict, done("eos"));
    await screen.findByText("The model ended its answer.");
    await new Promise((done) => setTimeout(done, 400));
    expect(sent("intervene")).toHaveLength(1);
    expect(screen.getByText("goes with the next message")).toBeVisible();
  });

  it("reaches a run that was joined while it waited", async () => {
    renderAt(`/live?trace=${TRACE_ID}&unit=${UNIT}`, <LiveView />);
    await waitFor(() => expect(FakeSocket.all).toHaveLength(1));
    open();
    emit({ type: "queued", trace_id: TRACE_ID, position: 1 });
    await screen.findAllByText(/one run goes first/);
    await userEvent.click(screen.getByRole("button", { name: "Boost" }));
    expect(sent("intervene")).toEqual([]);
    emit(start(), step(0));
    await waitFor(() => expect(sent("intervene")[0]?.interventions).toEqual([makeChange("boost", UNIT)]));
  });
});
