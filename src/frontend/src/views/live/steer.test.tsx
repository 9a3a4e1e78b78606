import { screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { beforeEach, describe, expect, it } from "vitest";
import { groupChange } from "@/lib/changes";
import { GROUP_ID, group } from "@/testing/driving";
import { everyday } from "@/testing/fixtures";
import { FakeSocket } from "@/testing/live";
import { expectAccessible, renderAt } from "@/testing/render";
import { type FakeServer, failure, fakeServer } from "@/testing/server";
import LiveView from "./LiveView";
import { newChat, useLive } from "./store";

const calibration = {
  created_at: "2026-01-01T00:00:00Z",
  corpus: "bundled",
  bound: 0.05,
  tested: 1792,
};

let server: FakeServer;
beforeEach(() => {
  newChat();
  useLive.setState(useLive.getInitialState(), true);
  FakeSocket.install();
  server = fakeServer({ ...everyday, [`GET /api/groups/${GROUP_ID}`]: { body: group } });
});

it("prepares what another view asked for, once", async () => {
  renderAt("/live?unit=mlp_act.1:3&layer=1&steer=ablate", <LiveView />);
  expect(await screen.findByText("mlp_act.1:3 = 0")).toBeVisible();
  expect(screen.getByText("goes with the next message")).toBeVisible();
  expect(screen.getByRole("button", { name: "Ablate", pressed: true })).toBeVisible();
  await waitFor(() => expect(window.location.search).toBe("?unit=mlp_act.1:3&layer=1"));
});

it("prepares the same for all units of a group", async () => {
  renderAt(`/live?group=${GROUP_ID}&steer=boost`, <LiveView />);
  expect(await screen.findByText("mlp_act.0:7 and 1 more × 2")).toBeVisible();
  expect(useLive.getState().wanted).toEqual([
    { id: `boost ${GROUP_ID}`, units: group.units, op: "scale", value: 2 },
  ]);
  await waitFor(() => expect(window.location.search).toBe(""));
});

it("says why a group can't be steered", async () => {
  server.on(`GET /api/groups/${GROUP_ID}`, failure(404, "not_found", "There is no such group."));
  renderAt(`/live?group=${GROUP_ID}&steer=boost`, <LiveView />);
  expect(await screen.findByText("There is no such group.")).toBeVisible();
  expect(useLive.getState().wanted).toEqual([]);
});

it("asks first where the unit is protected", async () => {
  const protectedUnit = { unit: "mlp_act.1:3", rise: 0.5 };
  server.on("GET /api/calibrations/kept", { body: { calibration: { protected: [protectedUnit] } } });
  renderAt("/live?unit=mlp_act.1:3&steer=ablate", <LiveView />);
  expect(await screen.findByRole("button", { name: "Ablate it anyway" })).toBeVisible();
  expect(useLive.getState().wanted).toEqual([]);
});

describe("a group that holds protected units", () => {
  const guard = (...units: { unit: string; rise: number | null }[]) =>
    server.on("GET /api/calibrations/kept", { body: { calibration: { ...calibration, protected: units } } });
  const ask = async () => within(await screen.findByRole("alert", { name: "Protected units of a group" }));

  it("is asked about first, by their names", async () => {
    guard({ unit: "mlp_act.9:9", rise: 2 }, { unit: "mlp_act.1:3", rise: 0.5 });
    renderAt(`/live?group=${GROUP_ID}&steer=ablate`, <LiveView />);
    const asked = await ask();
    expect(asked.getByText(/“sums” holds a protected unit. The model leans on it/)).toBeVisible();
    expect(asked.getAllByRole("listitem").map((one) => one.textContent)).toEqual(["mlp_act.1:3+0.5000"]);
    expect(useLive.getState().wanted).toEqual([]);
    await waitFor(() => expect(window.location.search).toBe(""));
    await expectAccessible(document.body);
    await userEvent.click(asked.getByRole("button", { name: "Leave them" }));
    expect(screen.queryByRole("alert")).toBeNull();
    expect(useLive.getState().wanted).toEqual([]);
  });

  it("is changed once a person says so, knowingly", async () => {
    guard({ unit: "mlp_act.0:7", rise: null }, { unit: "mlp_act.1:3", rise: 0.5 });
    const page = renderAt(`/live?group=${GROUP_ID}&steer=boost`, <LiveView />);
    const asked = await ask();
    expect(asked.getByText(/holds 2 protected units. The model leans on them/)).toBeVisible();
    await userEvent.click(asked.getByRole("button", { name: "Boost anyway" }));
    const made = groupChange("boost", group, true);
    expect(made.override_protection).toBe(true);
    expect(useLive.getState().wanted).toEqual([made]);
    expect(screen.getByText(/protection overridden/)).toBeVisible();
    page.unmount();
    // It was said once.
    renderAt(`/live?group=${GROUP_ID}&steer=boost`, <LiveView />);
    await waitFor(() => expect(window.location.search).toBe(""));
    expect(screen.queryByRole("alert")).toBeNull();
    expect(useLive.getState().wanted).toEqual([made]);
  });

  it("is told where it was asked for before anybody knew of them", async () => {
    guard({ unit: "mlp_act.0:7", rise: 1 }, { unit: "mlp_act.1:3", rise: 0.5 });
    useLive.setState({ wanted: [groupChange("ablate", group)] });
    renderAt("/live", <LiveView />);
    expect(
      await screen.findByText(/mlp_act\.0:7 and 1 more are protected, so it will be refused/),
    ).toBeVisible();
    await userEvent.click(screen.getByRole("button", { name: "Change anyway" }));
    expect(useLive.getState().wanted).toEqual([groupChange("ablate", group, true)]);
    expect(screen.queryByText(/will be refused/)).toBeNull();
  });
});
