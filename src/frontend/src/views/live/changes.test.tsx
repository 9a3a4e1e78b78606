import { act, screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { beforeEach, describe, expect, it } from "vitest";
import { makeChange } from "@/lib/changes";
import type { LiveEvent } from "@/lib/liveEvents";
import { everyday, TRACE_ID, trace } from "@/testing/fixtures";
import { done, FakeSocket, lightStep, receipt, start, step } from "@/testing/live";
import { expectAccessible, renderAt } from "@/testing/render";
import { fakeServer } from "@/testing/server";
import LiveView from "./LiveView";
import { stretches } from "./Sparkline";
import { newChat, useLive } from "./store";

const UNIT = "mlp_act.0:2";

beforeEach(() => {
  newChat();
  useLive.setState(useLive.getInitialState(), true);
  FakeSocket.install();
  fakeServer({ ...everyday, [`GET /api/traces/${TRACE_ID}`]: { body: trace({ closed: false }) } });
});

const emit = (...events: LiveEvent[]) => act(() => FakeSocket.last.emit(...events));
const query = (key: string) => new URLSearchParams(window.location.search).get(key);
const sent = (type: string) => FakeSocket.last.sent.filter((one) => one.type === type);

/** A run that goes on, joined through its link: as after a reload in its middle. */
async function joined(search = "", ...events: LiveEvent[]): Promise<void> {
  renderAt(`/live?trace=${TRACE_ID}${search}`, <LiveView />);
  await waitFor(() => expect(FakeSocket.all).toHaveLength(1));
  act(() => FakeSocket.last.open());
  emit(...(events.length > 0 ? events : [start(), step(0), step(1), step(2)]));
  await screen.findByText(/^step \d · 3 steps$/);
}

describe("a unit", () => {
  it("is selected among the strongest, and its values are told with their gaps", async () => {
    await joined();
    const units = within(screen.getByRole("region", { name: "Strongest units of mlp_act.0" }));
    expect(units.getAllByRole("button").map((one) => one.textContent)).toEqual(["#2−4.000", "#92.000"]);
    await userEvent.click(units.getByRole("button", { name: /#2/ }));
    expect(query("unit")).toBe(UNIT);
    const panel = within(screen.getByRole("region", { name: "Selection" }));
    expect(panel.getByText("−4.000")).toBeVisible();
    expect(
      panel.getByText(
        /A gap is no zero. Shade, at 1 of 3 steps: not among the 2 strongest.*At 1 of 3 steps only statistics/,
      ),
    ).toBeVisible();
    expect(panel.getByRole("img", { name: `Values of ${UNIT} by step` })).toBeInTheDocument();
    await expectAccessible(document.body);
  });

  it("has the values of steps whose payloads were fetched", async () => {
    const { encode } = await import("@msgpack/msgpack");
    const rest = globalThis.fetch;
    globalThis.fetch = async (asked) => {
      const { pathname } = new URL((asked as Request).url);
      const found = /\/steps\/(\d+)$/.exec(pathname);
      return found ? new Response(encode(step(Number(found[1]))).slice()) : rest(asked);
    };
    await joined(`&unit=mlp_act.0:9`, start(), step(0), lightStep(1), lightStep(2));
    const panel = within(screen.getByRole("region", { name: "Selection" }));
    expect(await panel.findByText(/At 1 of 3 steps only/i)).toBeVisible();
    expect(panel.getByText("2.000")).toBeVisible();
  });

  it("is what the heads of its layer are told beside", async () => {
    await joined("&layer=1");
    const heads = within(screen.getByRole("region", { name: "Attention of layer 1" }));
    expect(heads.getAllByRole("row").map((row) => row.textContent)).toEqual([
      expect.stringContaining("Head"),
      "0Hi 175.0 %0.5000",
      "1·there 275.0 %0.5000",
    ]);
  });

  it("is told to have statistics only, of the prompt", async () => {
    await joined("&step=0");
    expect(screen.getByText(/Of the prompt only statistics are recorded here/)).toBeVisible();
  });
});

describe("changes", () => {
  it("are sent while a run goes on, and in force once a step says so", async () => {
    await joined(`&unit=${UNIT}`);
    await userEvent.click(screen.getByRole("button", { name: "Boost" }));
    const boost = makeChange("boost", UNIT);
    expect(sent("intervene")).toEqual([
      { type: "intervene", trace_id: TRACE_ID, interventions: [boost], replace: true },
    ]);
    const list = within(screen.getByRole("list", { name: "Changes asked for" }));
    expect(list.getByText("holds from the next step on")).toBeVisible();
    emit(step(3), receipt(3, [boost], true));
    expect(await list.findByText("in force")).toBeVisible();
    const receipts = within(screen.getByRole("region", { name: "Receipts of step 3" }));
    expect(receipts.getByText("changed 1 unit at 1 position, by 4.000 in L2 norm")).toBeVisible();
    await expectAccessible(document.body);
  });

  it("that are refused are shown so, and nothing is lost", async () => {
    const boost = makeChange("boost", "mlp_act.1:9");
    await joined(`&unit=${UNIT}`, start(), step(0), receipt(0, [boost], true), step(1), step(2));
    await userEvent.click(screen.getByRole("button", { name: "Ablate" }));
    expect(sent("intervene")[0]?.interventions).toEqual([boost, makeChange("ablate", UNIT)]);
    const refusal = { code: "protected", message: "mlp_act.0:2 is protected.", hint: "Override it." };
    emit({ type: "error", request: "intervene", ...refusal });
    expect(await screen.findByRole("alert")).toHaveTextContent(/mlp_act\.0:2 is protected\.\s*Override it/);
    const list = within(screen.getByRole("list", { name: "Changes asked for" }));
    expect(list.getAllByRole("listitem")).toHaveLength(1);
    expect(list.getByText("mlp_act.1:9 × 2")).toBeVisible();
    emit(step(3));
    expect(await screen.findByText("step 3 · 4 steps")).toBeVisible();
  });

  it("that did not fire say why", async () => {
    await joined();
    const line = {
      id: "i1",
      fired: false,
      positions: 0,
      units: 0,
      delta_l2: 0,
      note: "position 9 is not here",
    };
    emit(step(3), { type: "receipt", step: 3, interventions: [line], defined: null });
    expect(await screen.findByText("did not fire: position 9 is not here")).toBeVisible();
  });

  it("go with the next message where no run goes on, until they are cleared", async () => {
    await joined(`&unit=${UNIT}`);
    emit(done());
    await screen.findByText(/context is full/);
    await userEvent.keyboard("x");
    expect(screen.getByText("goes with the next message")).toBeVisible();
    expect(sent("intervene")).toEqual([]);
    await userEvent.type(screen.getByLabelText("Message"), "box{Enter}");
    act(() => FakeSocket.last.open());
    expect(sent("generate")[0]?.interventions).toEqual([makeChange("ablate", UNIT)]);
    emit({ type: "error", request: "generate", code: "x", message: "No.", hint: "" });
    await screen.findByRole("alert");
    await userEvent.click(screen.getByRole("button", { name: "Clear" }));
    expect(screen.getByText(/None is asked for/)).toBeVisible();
  });

  it("asked for while a message waits are sent once it has begun", async () => {
    renderAt(`/live?unit=${UNIT}`, <LiveView />);
    await userEvent.type(screen.getByLabelText("Message"), "Hi{Enter}");
    act(() => FakeSocket.last.open());
    await userEvent.click(screen.getByRole("button", { name: "Boost" }));
    expect(sent("intervene")).toEqual([]);
    emit(start(), step(0));
    await waitFor(() => expect(sent("intervene")[0]?.interventions).toEqual([makeChange("boost", UNIT)]));
  });
});

describe("keys", () => {
  it("move the layer and the step, change the unit, and are silent while one types", async () => {
    await joined(`&unit=${UNIT}`);
    await userEvent.keyboard("{ArrowDown}{ArrowDown}");
    expect(query("layer")).toBe("1");
    await userEvent.keyboard("{ArrowUp}{ArrowLeft}");
    expect(query("layer")).toBe("0");
    expect(screen.getByText("step 1 · 3 steps")).toBeVisible();
    await waitFor(() => expect(query("step")).toBe("1"));
    await userEvent.keyboard("{Home}");
    expect(screen.getByText("step 0 · 3 steps")).toBeVisible();
    await userEvent.keyboard("{End}");
    expect(screen.getByText("step 2 · 3 steps")).toBeVisible();
    await userEvent.keyboard("b");
    expect(screen.getByRole("button", { name: "Boost" })).toHaveAttribute("aria-pressed", "true");
    await userEvent.keyboard("\\\\");
    expect(screen.getByText(/None is asked for/)).toBeVisible();
    await userEvent.type(screen.getByLabelText("Message"), "bx ");
    expect(screen.getByText(/None is asked for/)).toBeVisible();
    expect(screen.getByLabelText("Message")).toHaveValue("bx ");
  });

  it("hold a run that is followed, and follow it again", async () => {
    await joined();
    await userEvent.keyboard(" ");
    emit(step(3));
    expect(await screen.findByText("step 2 · 4 steps")).toBeVisible();
    await userEvent.click(screen.getByRole("button", { name: "Follow" }));
    expect(screen.getByText("step 3 · 4 steps")).toBeVisible();
    expect(screen.queryByRole("button", { name: "Follow" })).toBeNull();
  });

  it("play a run that is over, from its start", async () => {
    await joined();
    emit(done());
    await screen.findByText(/context is full/);
    useLive.setState({ speed: 20 });
    await userEvent.keyboard(" ");
    expect(screen.getByText("step 0 · 3 steps")).toBeVisible();
    expect(screen.getByRole("button", { name: "Hold" })).toBeVisible();
    expect(await screen.findByText("step 2 · 3 steps")).toBeVisible();
    expect(await screen.findByRole("button", { name: "Play" })).toBeVisible();
  });
});

it("splits a line where values are missing", () => {
  const points = [1, null, 2, 3, Number.NaN, 4].map((value, at) => ({ step: at, value }));
  const places = (some: typeof points) => stretches(some).map((part) => part.points.map(({ at }) => at));
  expect(places(points)).toEqual([[0], [2, 3], [5]]);
  expect(places(points.map((one) => ({ ...one, made: one.step === 3 })))).toEqual([[0], [2], [3], [5]]);
});
