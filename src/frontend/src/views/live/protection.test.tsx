import { screen, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { beforeEach, expect, it } from "vitest";
import { everyday, job } from "@/testing/fixtures";
import { FakeSocket } from "@/testing/live";
import { expectAccessible, renderAt } from "@/testing/render";
import { type FakeServer, failure, fakeServer } from "@/testing/server";
import LiveView from "./LiveView";
import { newChat, useLive } from "./store";

const calibration = job({ kind: "calibration", title: "Calibration of neuronscope/tiny" });
const JOB = `/api/jobs/${calibration.job_id}`;
const found = {
  model_id: "neuronscope/tiny",
  created_at: "2026-01-01T00:00:00Z",
  corpus: "bundled",
  bound: 0.05,
  tested: 1792,
  protected: [{ unit: "mlp_act.1:3", rise: 0.73 }],
};

let server: FakeServer;
beforeEach(() => {
  newChat();
  useLive.setState(useLive.getInitialState(), true);
  FakeSocket.install();
  server = fakeServer(everyday);
});

const panel = async () => within(await screen.findByRole("region", { name: "Protected units" }));

it("starts a calibration, follows it, and shows what it found", async () => {
  server.on("POST /api/calibrations", { status: 202, body: calibration });
  server.on(`GET ${JOB}`, { body: calibration });
  renderAt("/live", <LiveView />);
  await userEvent.click(await (await panel()).findByRole("button", { name: "Find them" }));
  expect(server.asked("/api/calibrations", "POST")?.body).toEqual({ model_id: "neuronscope/tiny" });
  expect(await screen.findByRole("button", { name: /^Cancel: Calibration/ })).toBeVisible();
  expect(screen.queryByRole("button", { name: "Find them" })).toBeNull();
  await expectAccessible(document.body);
  server.on("GET /api/calibrations/kept", { body: { calibration: found } });
  server.on(`GET ${JOB}`, { body: { ...calibration, state: "done", result: found } });
  await userEvent.click(await screen.findByRole("button", { name: "mlp_act.1:3" }, { timeout: 4000 }));
  expect(window.location.search).toContain("unit=mlp_act.1:3&layer=1");
  expect((await panel()).getByText(/Each raises the loss by more than 0.05000 nats/)).toBeVisible();
});

it("is found again at work, and can be cancelled", async () => {
  server.on("GET /api/jobs", { body: { jobs: [calibration] } });
  server.on(`GET ${JOB}`, { body: calibration });
  server.on(`DELETE ${JOB}`, { body: { ...calibration, state: "cancelled" } });
  renderAt("/live", <LiveView />);
  await userEvent.click(await screen.findByRole("button", { name: /^Cancel: Calibration/ }));
  expect(server.asked(JOB, "DELETE")).toBeDefined();
});

it("says why it could not be started", async () => {
  server.on("POST /api/calibrations", failure(409, "conflict", "The corpus is gone."));
  renderAt("/live", <LiveView />);
  await userEvent.click(await (await panel()).findByRole("button", { name: "Find them" }));
  expect(await screen.findByText("The corpus is gone.")).toBeVisible();
});
