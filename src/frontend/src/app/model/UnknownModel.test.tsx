import { screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { beforeEach, describe, expect, it } from "vitest";
import { everyday, job } from "@/testing/fixtures";
import { expectAccessible, renderAt } from "@/testing/render";
import { type FakeServer, fakeServer } from "@/testing/server";
import { ModelLoading } from "./ModelLoading";

let server: FakeServer;
beforeEach(() => {
  server = fakeServer({ ...everyday });
});

describe("an address with a model that is not there", () => {
  it("says so, and offers to load it or to take another", async () => {
    server.on("POST /api/models/load", { status: 202, body: job({ kind: "load", model_id: "foo/bar" }) });
    renderAt("/?model=foo/bar", <ModelLoading />);
    expect(await screen.findByRole("alert")).toHaveTextContent("foo/bar is not on this machine");
    await expectAccessible(document.body);
    await userEvent.click(screen.getByRole("button", { name: "Load foo/bar from the hub" }));
    await waitFor(() =>
      expect(server.calls.find((call) => call.path === "/api/models/load")?.body).toEqual({
        model_id: "foo/bar",
      }),
    );
    await userEvent.click(await screen.findByRole("button", { name: "Use neuronscope/tiny" }));
    expect(window.location.search).toBe("?model=neuronscope/tiny");
  });

  it("offers no hub for a name of this machine", async () => {
    renderAt("/?model=local/gone", <ModelLoading />);
    expect(await screen.findByRole("alert")).toHaveTextContent(/local\/gone is not on this machine/);
    expect(screen.queryByRole("button", { name: /from the hub/ })).toBeNull();
    expect(screen.getByRole("button", { name: "Use neuronscope/tiny" })).toBeVisible();
  });

  it("says nothing of it while that model loads", async () => {
    const load = job({ kind: "load", title: "Load foo/bar", model_id: "foo/bar" });
    server.on("GET /api/jobs", { body: { jobs: [load] } });
    server.on(`GET /api/jobs/${load.job_id}`, { body: load });
    renderAt("/?model=foo/bar", <ModelLoading />);
    expect(await screen.findByText("Load foo/bar")).toBeVisible();
    expect(screen.queryByRole("alert")).toBeNull();
  });
});
