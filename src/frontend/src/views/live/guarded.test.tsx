import { act, screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { beforeEach, describe, expect, it } from "vitest";
import { makeChange } from "@/lib/changes";
import type { LiveEvent } from "@/lib/liveEvents";
import { everyday, TRACE_ID, trace } from "@/testing/fixtures";
import { FakeSocket, receipt, start, step } from "@/testing/live";
import { expectAccessible, renderAt } from "@/testing/render";
import { fakeServer } from "@/testing/server";
import LiveView from "./LiveView";
import { newChat, useLive } from "./store";

const UNIT = "mlp_act.0:2";
const LOCK = "Protected: ablating it alone raises the loss by 0.7300 nats a token.";

beforeEach(() => {
  newChat();
  useLive.setState(useLive.getInitialState(), true);
  FakeSocket.install();
  fakeServer({
    ...everyday,
    [`GET /api/traces/${TRACE_ID}`]: { body: trace({ closed: false }) },
    "GET /api/calibrations/kept": { body: { calibration: { protected: [{ unit: UNIT, rise: 0.73 }] } } },
  });
});

const emit = (...events: LiveEvent[]) => act(() => FakeSocket.last.emit(...events));
const intervened = () => FakeSocket.last.sent.filter(({ type }) => type === "intervene");
const changes = () => within(screen.getByRole("list", { name: "Changes asked for" }));

async function joined(): Promise<void> {
  renderAt(`/live?trace=${TRACE_ID}&unit=${UNIT}`, <LiveView />);
  await waitFor(() => expect(FakeSocket.all).toHaveLength(1));
  act(() => FakeSocket.last.open());
  emit(start(), step(0), step(1), step(2));
  await screen.findByText(LOCK);
}

describe("a protected unit", () => {
  it("is marked among the strongest and where it is selected", async () => {
    await joined();
    const units = within(screen.getByRole("region", { name: "Strongest units of mlp_act.0" }));
    expect(units.getAllByRole("img", { name: LOCK })).toHaveLength(1);
    await expectAccessible(document.body);
  });

  it("is changed once a person says so, knowingly", async () => {
    await joined();
    await userEvent.click(screen.getByRole("button", { name: "Ablate" }));
    expect(intervened()).toEqual([]);
    const ask = within(screen.getByRole("alert", { name: "Protected unit" }));
    await expectAccessible(document.body);
    await userEvent.click(ask.getByRole("button", { name: "Leave it" }));
    expect(intervened()).toEqual([]);
    // By its key too.
    await userEvent.keyboard("x");
    await userEvent.click(screen.getByRole("button", { name: "Ablate it anyway" }));
    const change = { ...makeChange("ablate", UNIT), override_protection: true };
    expect(intervened()[0]?.interventions).toEqual([change]);
    expect(changes().getByText(/protection\s+overridden/)).toBeVisible();
    emit(step(3), receipt(3, [change], true));
    expect(await changes().findByText(/in force/)).toBeVisible();
    await userEvent.click(screen.getByRole("button", { name: "Ablate" }));
    expect(intervened()[1]?.interventions).toEqual([]);
  });

  it("needs no second word to be changed otherwise", async () => {
    await joined();
    await userEvent.keyboard("x");
    await userEvent.click(screen.getByRole("button", { name: "Ablate it anyway" }));
    await userEvent.click(screen.getByRole("button", { name: "Boost" }));
    expect(intervened()[1]?.interventions).toEqual([
      { ...makeChange("boost", UNIT), override_protection: true },
    ]);
  });
});

it("tells the value that a change made, where no payload holds it", async () => {
  await joined();
  const zero = { id: "i1", units: ["mlp_act.0:5"], op: "ablate_zero" };
  const panel = within(screen.getByRole("region", { name: "Selection" }));
  act(() => useLive.setState({ shown: null }));
  emit(step(3), receipt(3, [zero], true));
  await screen.findByText("step 3 · 4 steps");
  expect(panel.getByText("within ±2.000")).toBeVisible();
  act(() => window.history.replaceState(null, "", `/live?trace=${TRACE_ID}&unit=mlp_act.0:5`));
  act(() => window.dispatchEvent(new PopStateEvent("popstate")));
  expect(await panel.findByText("0, by a change")).toBeVisible();
  expect(panel.getByText(/Dashed, at 1 of 4 steps: what a change made of it/)).toBeVisible();
});
