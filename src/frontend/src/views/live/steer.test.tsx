import { screen, waitFor } from "@testing-library/react";
import { beforeEach, expect, it } from "vitest";
import { GROUP_ID, group } from "@/testing/driving";
import { everyday } from "@/testing/fixtures";
import { FakeSocket } from "@/testing/live";
import { renderAt } from "@/testing/render";
import { type FakeServer, failure, fakeServer } from "@/testing/server";
import LiveView from "./LiveView";
import { newChat, useLive } from "./store";

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
