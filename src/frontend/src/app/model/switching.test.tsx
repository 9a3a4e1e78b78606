import { act, screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { beforeEach, expect, it, vi } from "vitest";
import { useSession } from "@/state/session";
import { everyday, job, recorded, TRACE_ID } from "@/testing/fixtures";
import { renderAt } from "@/testing/render";
import { type FakeServer, fakeServer, type Reply } from "@/testing/server";
import ExploreView from "@/views/explore/ExploreView";
import { ModelSelect } from "./ModelSelect";

vi.mock("@/components/plot/plotly", () => ({ default: () => null, downloadImage: vi.fn() }));

let server: FakeServer;
beforeEach(() => {
  server = fakeServer({ ...everyday, ...recorded });
  server.on("POST /api/models/load", { status: 202, body: job({ kind: "load", model_id: "local/other" }) });
});

it("a prompt that ends after a switch leaves no trace under the new model", async () => {
  let answer: (reply: Reply) => void = () => undefined;
  server.on("POST /api/captures", () => new Promise<Reply>((resolve) => (answer = resolve)));
  renderAt(
    "/",
    <>
      <ModelSelect />
      <ExploreView />
    </>,
  );
  await userEvent.type(screen.getByLabelText("Prompt"), "23 +");
  await userEvent.click(screen.getByRole("button", { name: "Run" }));
  await waitFor(() => expect(server.calls.some(({ path }) => path === "/api/captures")).toBe(true));
  await userEvent.click(screen.getByLabelText("Model"));
  await userEvent.click(await screen.findByRole("option", { name: /local\/other/ }));
  expect(window.location.search).toBe("?model=local/other");
  // It waits for the new model, and no longer for the prompt that ran on the old one.
  expect(screen.getByRole("button", { name: "Run" })).not.toHaveAttribute("data-loading");
  expect(useSession.getState().rerun).toBe(true);
  await act(async () => {
    answer({ status: 201, body: { trace_id: TRACE_ID, model_id: "neuronscope/tiny", layers: [0, 1] } });
    await new Promise((resolve) => setTimeout(resolve, 50));
  });
  expect(window.location.search).toBe("?model=local/other");
  expect(screen.queryByRole("alert")).toBeNull();
});
