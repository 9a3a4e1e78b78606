import { act, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { beforeEach, expect, it } from "vitest";
import { everyday, model } from "@/testing/fixtures";
import { FakeSocket } from "@/testing/live";
import { expectAccessible, renderAt } from "@/testing/render";
import { fakeServer } from "@/testing/server";
import LiveView from "./LiveView";
import { newChat, useLive } from "./store";

beforeEach(() => {
  newChat();
  useLive.setState(useLive.getInitialState(), true);
  FakeSocket.install();
  fakeServer(everyday);
});

it("sets the run beside what is said, and keeps that in the address", async () => {
  renderAt("/live", <LiveView />);
  const button = screen.getByRole("button", { name: "Settings of the run" });
  expect(button).toHaveAttribute("aria-expanded", "false");
  await userEvent.click(button);
  const section = screen.getByRole("region", { name: "Settings of the run" });
  // In the chat's own column, where nothing lies over anything.
  expect(screen.getByRole("region", { name: "Chat" })).toContainElement(section);
  await expectAccessible(document.body);
  await userEvent.type(screen.getByLabelText("Seed"), "7");
  expect(window.location.search).toBe("?settings=1&seed=7");
  await userEvent.click(button);
  expect(screen.queryByLabelText("Seed")).toBeNull();
  expect(window.location.search).toBe("?seed=7");
});

it("offers no compiled runs where the model is on no card, whatever the address says", async () => {
  renderAt("/live?settings=1&compiled=1", <LiveView />);
  await userEvent.type(await screen.findByLabelText("Message"), "Hello{Enter}");
  expect(screen.queryByRole("switch", { name: /Compiled/ })).toBeNull();
  act(() => FakeSocket.last.open());
  expect(FakeSocket.last.sent.find(({ type }) => type === "generate")).not.toHaveProperty("compiled");
});

it("asks for a compiled run where the model is on a card", async () => {
  const plain = model();
  const loaded_as = plain.loaded_as && { ...plain.loaded_as, device: "cuda:0" };
  fakeServer({ ...everyday, "GET /api/models": { body: { models: [model({ loaded_as })] } } });
  renderAt("/live?settings=1", <LiveView />);
  await userEvent.click(await screen.findByRole("switch", { name: /Compiled/ }));
  expect(window.location.search).toBe("?settings=1&compiled=1");
  await expectAccessible(document.body);
  await userEvent.type(screen.getByLabelText("Message"), "Hello{Enter}");
  act(() => FakeSocket.last.open());
  expect(FakeSocket.last.sent).toContainEqual(expect.objectContaining({ type: "generate", compiled: true }));
});
