import { fireEvent, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { beforeEach, expect, it, vi } from "vitest";
import { everyday } from "@/testing/fixtures";
import { expectAccessible, renderAt } from "@/testing/render";
import { type FakeServer, failure, fakeServer } from "@/testing/server";
import { BuildForm } from "./BuildForm";

const bundled = { corpus: "bundled", documents: null, bytes: null, fields: [] };
const lines = { corpus: "local/lines", documents: null, bytes: 2000, fields: ["title", "body"] };

let server: FakeServer;
const build = vi.fn();
beforeEach(() => {
  build.mockClear();
  server = fakeServer({ ...everyday, "GET /api/corpora": { body: { corpora: [bundled, lines] } } });
});

const press = () => userEvent.click(screen.getByRole("button", { name: "Build" }));
const plain = { documents: null, k: 32 };

it("lets the field of a corpus be chosen where it has several", async () => {
  renderAt("/", <BuildForm pending={false} onBuild={build} />);
  await userEvent.selectOptions(await screen.findByLabelText("Corpus"), "local/lines");
  expect(screen.getByLabelText("Field of the text")).toHaveValue("title");
  await userEvent.selectOptions(screen.getByLabelText("Field of the text"), "body");
  await press();
  expect(build).toHaveBeenCalledWith({ ...plain, corpus: "local/lines", field: "body" });
  await userEvent.selectOptions(screen.getByLabelText("Corpus"), "bundled");
  expect(screen.queryByLabelText("Field of the text")).toBeNull();
  await press();
  expect(build).toHaveBeenLastCalledWith({ ...plain, corpus: "bundled" });
});

it("takes a data set of the hub by its name, and says what that needs", async () => {
  renderAt("/", <BuildForm pending={false} onBuild={build} />);
  await userEvent.selectOptions(await screen.findByLabelText("Corpus"), "hf:");
  expect(screen.getByText(/takes the package datasets/)).toBeVisible();
  expect(screen.getByRole("button", { name: "Build" })).toBeDisabled();
  const name = screen.getByLabelText("Data set");
  fireEvent.change(name, { target: { value: "a/b/c" } });
  expect(screen.getByText(/Write OWNER\/NAME/)).toBeVisible();
  fireEvent.change(name, { target: { value: "owner/stories" } });
  fireEvent.change(screen.getByLabelText("Documents"), { target: { value: "500" } });
  await press();
  expect(build).toHaveBeenCalledWith({ documents: 500, k: 32, corpus: "hf:owner/stories" });
  await expectAccessible(document.body);
});

it("indexes further points, and refuses what can't be one", async () => {
  renderAt("/", <BuildForm pending={false} onBuild={build} full />);
  const others = await screen.findByLabelText("Other points");
  fireEvent.change(others, { target: { value: "Resid" } });
  expect(screen.getByRole("button", { name: "Build" })).toBeDisabled();
  fireEvent.change(others, { target: { value: "resid_mid attn_out.1" } });
  await press();
  expect(build).toHaveBeenCalledWith({
    ...plain,
    corpus: "bundled",
    points: ["mlp_act", "resid_mid", "attn_out.1"],
  });
});

it("sends a file with the field that holds its text, and says why one was refused", async () => {
  server.on("POST /api/corpora", { status: 201, body: { ...lines, corpus: "local/own", fields: ["body"] } });
  const { container } = renderAt("/", <BuildForm pending={false} onBuild={build} />);
  await screen.findByLabelText("Corpus");
  const input = container.querySelector<HTMLInputElement>('input[type="file"]');
  if (!input) throw new Error("no file input");
  await userEvent.upload(input, new File(['{"id": 1, "body": "a b"}\n'], "Own.jsonl"));
  await vi.waitFor(() =>
    expect(server.calls.find((call) => call.method === "POST")?.body).toMatchObject({
      name: "own",
      format: "jsonl",
      field: "body",
    }),
  );
  server.on("POST /api/corpora", failure(400, "bad_request", "Line 2 has no text.", "Name a field."));
  await userEvent.upload(input, new File(["plain"], "other.txt"));
  expect(await screen.findByRole("alert")).toHaveTextContent("Line 2 has no text. Name a field.");
  const sent = server.calls.length;
  await userEvent.upload(input, new File([""], "nothing.txt"));
  await vi.waitFor(() => expect(screen.getByRole("alert").textContent).toBe("This file is empty."));
  expect(server.calls).toHaveLength(sent);
});
