import { screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { everyday, job, model } from "@/testing/fixtures";
import { expectAccessible, renderAt } from "@/testing/render";
import { type FakeServer, fakeServer } from "@/testing/server";
import { ModelSelect } from "./ModelSelect";
import { ParityBadge } from "./ParityBadge";

let server: FakeServer;
const hub = { source: "hub" as const, loaded: false, loaded_as: null, stored_bytes: null };

beforeEach(() => {
  server = fakeServer({ ...everyday });
  server.on("POST /api/models/load", { status: 202, body: job({ kind: "load" }) });
  server.on("GET /api/models", {
    body: {
      models: [
        model(),
        model({
          model_id: "local/q",
          source: "local",
          format: "gguf",
          loaded: false,
          loaded_as: null,
          estimated_bytes: 8_000_000,
        }),
        model({
          ...hub,
          model_id: "meta/large",
          gated: true,
          parameters: 70e9,
          estimated_bytes: 3e11,
          needs: [
            { precision: "float32", bytes: 3e11, fits: false },
            { precision: "nf4", bytes: 4e10, fits: false },
          ],
        }),
        model({ ...hub, model_id: "qwen/old", loadable: false, note: "It needs its own code." }),
        model({ ...hub, model_id: "owner/good", recommended: true }),
      ],
    },
  });
});

const open = async () => {
  renderAt("/", <ModelSelect />);
  await userEvent.click(await screen.findByLabelText("Model"));
  await screen.findByRole("option", { name: /local\/q/ });
};

describe("the list of models", () => {
  it("is grouped, and says of each what it takes, whether that fits, and why one can't be had", async () => {
    await open();
    expect(screen.getAllByRole("group").map((group) => group.getAttribute("aria-labelledby"))).toHaveLength(
      4,
    );
    expect(screen.getByRole("group", { name: "In memory" })).toHaveTextContent(
      /tiny.*15.6 MB.*in memory, float32/,
    );
    expect(screen.getByRole("option", { name: /local\/q/ })).toHaveTextContent(/GGUF.*8.0 MB.*fits in NF4/);
    expect(screen.getByRole("option", { name: /meta\/large/ })).toHaveTextContent(
      /licence.*40.0 GB.*too large now, even in NF4/,
    );
    const old = screen.getByRole("option", { name: /qwen\/old/ });
    expect(old).toHaveTextContent("It needs its own code.");
    expect(old).toHaveAttribute("data-combobox-disabled");
    await expectAccessible(document.body);
  });

  it("loads on a click, and asks how on a click on the gear", async () => {
    await open();
    await userEvent.click(screen.getAllByTitle("Choose how it is loaded")[1] as HTMLElement);
    expect(window.location.search).toBe("?load=local/q");
    expect(server.calls.some(({ path }) => path === "/api/models/load")).toBe(false);
    await userEvent.click(await screen.findByLabelText("Model"));
    await userEvent.click(await screen.findByRole("option", { name: /local\/q/ }));
    await waitFor(() => expect(server.calls.some(({ path }) => path === "/api/models/load")).toBe(true));
  });

  it("never offers the hub for what this machine names itself, and takes what fits on Enter", async () => {
    await open();
    const search = screen.getByLabelText("Search models");
    for (const text of ["local", "local/", "local/huge", "neuronscope/ti"]) {
      await userEvent.clear(search);
      await userEvent.type(search, text);
      expect(screen.queryByText(/from the hub$/)).toBeNull();
    }
    await userEvent.clear(search);
    await userEvent.type(search, "local/nothing");
    expect(screen.getByText("No model of that name is on this machine.")).toBeVisible();
    await userEvent.clear(search);
    await userEvent.type(search, "cal/q{Enter}");
    await waitFor(() => expect(window.location.search).toContain("model=local/q"));
    expect(server.calls.find(({ path }) => path === "/api/models/load")?.body).toEqual({
      model_id: "local/q",
    });
  });

  it("shows what chat servers have apart, and switches to it without loading anything", async () => {
    server.on("GET /api/models", {
      body: {
        models: [
          model(),
          model({ ...hub, model_id: "local/q", source: "local" }),
          model({
            ...hub,
            model_id: "ollama/llama3.2:latest",
            source: "chat",
            format: null,
            category: "chat-only",
            loaded: true,
            loadable: false,
            note: "It gives tokens and no activations.",
          }),
        ],
      },
    });
    await open();
    const group = screen.getByRole("group", { name: "On chat servers" });
    expect(group).toHaveTextContent(/ollama\/llama3.2:latest.*chat server.*It gives tokens/);
    expect(screen.getByRole("group", { name: "In memory" })).not.toHaveTextContent("ollama");
    await userEvent.type(screen.getByLabelText("Search models"), "llama3{Shift>}{Enter}{/Shift}");
    await waitFor(() => expect(window.location.search).toContain("model=ollama/llama3.2:latest"));
    expect(window.location.search).not.toContain("load=");
    expect(server.calls.some(({ path }) => path === "/api/models/load")).toBe(false);
  });

  it("asks how on Shift+Enter, also for an id that is typed", async () => {
    await open();
    await userEvent.type(screen.getByLabelText("Search models"), "some/new");
    await userEvent.keyboard("{Shift>}{Enter}{/Shift}");
    expect(window.location.search).toBe("?load=some/new");
  });
});

describe("the parity badge", () => {
  const as = { dtype: "float32", quantization: "none" as const, device: "cpu", weight_bytes: 1 };

  it("says that the model is the plain one, with the difference, and opens the proof", async () => {
    const onOpen = vi.fn();
    renderAt(
      "/",
      <ParityBadge loadedAs={{ ...as, parity: "holds", parity_difference: 2.5e-6 }} onOpen={onOpen} />,
    );
    const badge = screen.getByRole("button", { name: /the same as Hugging Face, see the proof/ });
    await userEvent.hover(badge);
    expect(await screen.findByText(/differ by 2.50e−6 at most/)).toBeVisible();
    await expectAccessible(document.body);
    await userEvent.click(badge);
    expect(onOpen).toHaveBeenCalledOnce();
  });

  it("says in plain words that it is not", async () => {
    renderAt(
      "/",
      <ParityBadge loadedAs={{ ...as, parity: "fails", parity_difference: 0.5 }} onOpen={vi.fn()} />,
    );
    const badge = screen.getByRole("button", { name: /not the same, see why/ });
    expect(badge).toHaveTextContent("≠ Hugging Face");
    await userEvent.hover(badge);
    expect(await screen.findByText(/don't trust its figures.*differ by 0.5000 at most/)).toBeVisible();
  });

  it("says nothing of what was not measured", () => {
    renderAt(
      "/",
      <ParityBadge loadedAs={{ ...as, parity: null, parity_difference: null }} onOpen={vi.fn()} />,
    );
    expect(screen.queryByRole("button")).toBeNull();
  });
});
