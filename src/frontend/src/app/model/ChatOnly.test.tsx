import { screen } from "@testing-library/react";
import { beforeEach, describe, expect, it } from "vitest";
import { everyday, model } from "@/testing/fixtures";
import { expectAccessible, renderAt } from "@/testing/render";
import { fakeServer } from "@/testing/server";
import { ModelLoading } from "./ModelLoading";

const chat = model({
  model_id: "ollama/llama3.2",
  source: "chat",
  format: null,
  loaded_as: null,
  loadable: false,
  note: "It gives tokens and no activations.",
});

beforeEach(() => {
  const server = fakeServer({ ...everyday });
  server.on("GET /api/models", { body: { models: [model(), chat] } });
});

describe("a model on a chat server", () => {
  it("says wherever one would look into it that this can't be, and leads to where it can be talked with", async () => {
    renderAt("/?model=ollama/llama3.2", <ModelLoading />);
    expect(await screen.findByText("ollama/llama3.2 can't be looked into")).toBeVisible();
    expect(screen.getByText("It gives tokens and no activations.")).toBeVisible();
    expect(screen.getByRole("link", { name: "Chat with it" })).toHaveAttribute(
      "href",
      "/live?model=ollama/llama3.2",
    );
    expect(screen.getByRole("button", { name: "Use neuronscope/tiny" })).toBeVisible();
    await expectAccessible(document.body);
  });

  it("says nothing where it is talked with", async () => {
    renderAt("/live?model=ollama/llama3.2", <ModelLoading />);
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(screen.queryByText(/can't be looked into/)).toBeNull();
  });
});
