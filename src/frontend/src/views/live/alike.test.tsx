import { encode } from "@msgpack/msgpack";
import { screen, within } from "@testing-library/react";
import { beforeEach, expect, it, vi } from "vitest";
import { everyday, trace } from "@/testing/fixtures";
import { FakeSocket, start } from "@/testing/live";
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
  const traces = [
    trace({ trace_id: "t_1", steps: 9, text: "Tell me." }),
    trace({ trace_id: "t_2", steps: 9, text: "Tell me." }),
    trace({ trace_id: "t_3", steps: 9, text: "Alone" }),
  ];
  fakeServer({ ...everyday, "GET /api/traces": { body: { traces } } });
  const json = window.fetch;
  const asked: string[] = [];
  vi.stubGlobal("fetch", async (request: Request) => {
    const [, id] = /traces\/(\w+)\/events/.exec(request.url) ?? [];
    if (!id) return json(request);
    asked.push(request.url);
    const settings = { temperature: id === "t_1" ? 0 : 0.7, seed: 5, interventions: [] };
    return new Response(encode(start({ trace_id: id, settings })));
  });
  renderAt("/live", <LiveView />);
  const list = within(await screen.findByRole("region", { name: "Recent runs" }));
  expect(await list.findByText(/temperature 0.7 · seed 5/)).toBeVisible();
  expect(list.getByText(/temperature 0(?!\.)/)).toBeVisible();
  expect(asked).toHaveLength(2);
  expect(asked[0]).toContain("from_step=8");
});
