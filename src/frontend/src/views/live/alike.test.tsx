import { screen, within } from "@testing-library/react";
import { beforeEach, expect, it } from "vitest";
import { everyday, madeWith, trace } from "@/testing/fixtures";
import { FakeSocket } from "@/testing/live";
import { renderAt } from "@/testing/render";
import { fakeServer } from "@/testing/server";
import LiveView from "./LiveView";
import { newChat, useLive } from "./store";

beforeEach(() => {
  newChat();
  useLive.setState(useLive.getInitialState(), true);
  FakeSocket.install();
});

it("tells runs of one prompt apart by their time and by what they were made with", async () => {
  const drawn = madeWith({ temperature: 0.7 });
  const traces = [
    trace({ trace_id: "t_1", steps: 9, text: "Tell me.", made_with: madeWith() }),
    trace({ trace_id: "t_2", steps: 9, text: "Tell me.", made_with: drawn }),
    trace({ trace_id: "t_3", steps: 9, text: "Alone", made_with: drawn }),
  ];
  fakeServer({ ...everyday, "GET /api/traces": { body: { traces } } });
  renderAt("/live", <LiveView />);
  const list = within(await screen.findByRole("region", { name: "Recent runs" }));
  expect(await list.findByText(/temperature 0.7 · seed 5/)).toBeVisible();
  expect(list.getByText(/temperature 0(?!\.)/)).toBeVisible();
  expect(list.getAllByText(/temperature/)).toHaveLength(2);
});
