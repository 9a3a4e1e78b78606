import { act, screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { beforeEach, describe, expect, it } from "vitest";
import type { Payload } from "@/lib/liveEvents";
import { everyday, TRACE_ID, trace } from "@/testing/fixtures";
import { done, FakeSocket, start, step } from "@/testing/live";
import { expectAccessible, renderAt } from "@/testing/render";
import { type FakeServer, failure, fakeServer } from "@/testing/server";
import LiveView from "./LiveView";
import { newChat, useLive } from "./store";

const runs = (count: number) =>
  Array.from({ length: count }, (_, at) =>
    trace({ trace_id: at === 0 ? TRACE_ID : `t_${at}`, steps: 9, text: `Run ${at}`, bytes: 250_000 }),
  );
const listed = (count: number) => ({
  body: { traces: runs(count), total_bytes: 3e6, limit_bytes: null, removed: [] },
});

let server: FakeServer;
beforeEach(() => {
  newChat();
  useLive.setState(useLive.getInitialState(), true);
  FakeSocket.install();
  server = fakeServer({
    ...everyday,
    [`GET /api/traces/${TRACE_ID}`]: { body: trace({ closed: true }) },
    "GET /api/traces": listed(7),
  });
});

const query = (key: string) => new URLSearchParams(window.location.search).get(key);

async function open(search = "", ...events: Parameters<FakeSocket["emit"]>): Promise<void> {
  renderAt(`/live?trace=${TRACE_ID}${search}`, <LiveView />);
  await waitFor(() => expect(FakeSocket.all).toHaveLength(1));
  act(() => FakeSocket.last.open());
  act(() => FakeSocket.last.emit(...(events.length > 0 ? events : [start(), step(0), done("eos")])));
  await screen.findByText("The model ended its answer.");
}

describe("recorded runs", () => {
  it("are all in a list with what they take, pinned and opened there", async () => {
    renderAt("/live", <LiveView />);
    const recent = await screen.findByRole("region", { name: "Recent runs" });
    expect(within(recent).getAllByRole("listitem")).toHaveLength(5);
    await userEvent.click(within(recent).getByRole("button", { name: "All 7" }));
    const dialog = within(await screen.findByRole("dialog", { name: "Recorded runs" }));
    expect(dialog.getByText(/7 of neuronscope\/tiny, 1\.8 MB\. All traces take 3\.0 MB/)).toBeVisible();
    expect(dialog.getAllByText(/9 steps · 250 kB/)).toHaveLength(7);
    await expectAccessible(document.body);
    server.on("POST /api/traces/t_6/pin", { body: { ...runs(7)[6], pinned: true } });
    await userEvent.click(dialog.getByRole("button", { name: "Pin the run Run 6" }));
    await waitFor(() =>
      expect(server.calls.find(({ path }) => path === "/api/traces/t_6/pin")?.body).toEqual({ pinned: true }),
    );
    await userEvent.click(dialog.getByRole("link", { name: "Run 0" }));
    expect(query("trace")).toBe(TRACE_ID);
  });

  it("are deleted once that was said twice; the one on screen leaves it", async () => {
    await open();
    await userEvent.click(screen.getByRole("button", { name: "Recorded runs" }));
    const dialog = within(await screen.findByRole("dialog", { name: "Recorded runs" }));
    await userEvent.click(await dialog.findByRole("button", { name: "Delete the run Run 0" }));
    await userEvent.click(dialog.getByRole("button", { name: "Keep it" }));
    expect(server.calls.some(({ method }) => method === "DELETE")).toBe(false);
    server.on(`DELETE /api/traces/${TRACE_ID}`, { body: { deleted: TRACE_ID } });
    await userEvent.click(dialog.getByRole("button", { name: "Delete the run Run 0" }));
    await userEvent.click(dialog.getByRole("button", { name: "Delete it" }));
    await waitFor(() => expect(query("trace")).toBeNull());
    expect(screen.getByText("Watch a model think")).toBeInTheDocument();
  });

  it("say why one can't be deleted", async () => {
    server.on("DELETE /api/traces/t_1", failure(409, "conflict", "The trace is being recorded."));
    renderAt("/live", <LiveView />);
    await userEvent.click(await screen.findByRole("button", { name: "Delete the run Run 1" }));
    await userEvent.click(screen.getByRole("button", { name: "Delete it" }));
    expect(await screen.findByRole("alert")).toHaveTextContent("The trace is being recorded.");
  });
});

describe("tiles", () => {
  const tile = (part: Partial<Payload> = {}): Payload => ({
    kind: "tile",
    source: "order",
    run: 1,
    height: 4,
    width: 4,
    filled: 6,
    positions: [0],
    dtype: "f32",
    values: new Uint8Array(Float32Array.from([1, -2, 3, -4, 5, -6]).buffer),
    ...part,
  });
  const tiled = (payload: Payload) => {
    const whole = step(0);
    return { ...whole, entries: whole.entries.map((entry) => ({ ...entry, payload })) };
  };

  it("are a picture for each layer that says how it was made; a click chooses layer and unit", async () => {
    await open("", start(), tiled(tile()), done("eos"));
    const wall = within(screen.getByRole("region", { name: "Tiles of mlp_act" }));
    const second = wall.getByRole("button", { name: "Tile of mlp_act.1, 2 rows of 4 cells" });
    expect(wall.getAllByRole("button")).toHaveLength(2);
    expect(wall.getByText(/^In order: each cell is one unit, row by row, 4 to a row/)).toBeVisible();
    await expectAccessible(document.body);
    second.getBoundingClientRect = () => new DOMRect(0, 0, 40, 20);
    const coords = { clientX: 15, clientY: 15 };
    await userEvent.pointer([
      { target: second, coords },
      { target: second, coords, keys: "[MouseLeft]" },
    ]);
    expect(wall.getByText(/mlp_act\.1 · unit 5 ·/)).toHaveTextContent("−6.000");
    expect(query("layer")).toBe("1");
    expect(query("unit")).toBe("mlp_act.1:5");
  });

  it("say so where a projection made them, or where they can't be read", async () => {
    await open("", start(), tiled(tile({ source: "random", seed: 7 })), done("eos"));
    expect(screen.getByText(/^At random.*seed 7/)).toBeVisible();
    act(() => newChat());
    FakeSocket.install();
    document.body.innerHTML = "";
    await open("", start(), tiled(tile({ values: new Uint8Array(3) })), done("eos"));
    expect(screen.getAllByRole("alert")[0]).toHaveTextContent("can't be read");
  });
});
