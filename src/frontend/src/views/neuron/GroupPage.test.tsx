import { screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { beforeEach, describe, expect, it } from "vitest";
import { GROUP_ID, group, job, together } from "@/testing/driving";
import { INDEX_ID, index } from "@/testing/fixtures";
import { indexedServer, OTHER_INDEX_ID } from "@/testing/indexed";
import { expectAccessible, renderAt } from "@/testing/render";
import { type FakeServer, failure } from "@/testing/server";
import NeuronView from "./NeuronView";

const AT = `/neuron?group=${GROUP_ID}`;
const JOB = job("together").job_id;
const done = job("together", { state: "done", result: { ...together } });

let server: FakeServer;
beforeEach(() => {
  window.localStorage.clear();
  server = indexedServer({
    "GET /api/groups": { body: { groups: [group] } },
    [`GET /api/groups/${GROUP_ID}`]: { body: group },
  });
});

const asked = (path: string, method = "GET") => server.asked(path, method);

describe("a group's page", () => {
  it("lists its members, and finds what drives them together as a job", async () => {
    server.on("POST /api/neurons/together", { status: 202, body: job("together") });
    server.on(`GET /api/jobs/${JOB}`, { body: job("together") });
    renderAt(AT, <NeuronView />);
    const members = within(await screen.findByTestId("members")).getAllByRole("link");
    expect(members.map((one) => one.textContent)).toEqual(group.units);
    expect(members[0]?.getAttribute("href")).toContain("unit=mlp_act.0:7");
    await userEvent.click(screen.getByRole("button", { name: "Find what drives them together" }));
    expect(await screen.findByText("40 of 1,000 tokens")).toBeVisible();
    expect(asked("/api/neurons/together", "POST")?.body).toEqual({
      model_id: "neuronscope/tiny",
      group_id: GROUP_ID,
      index_id: INDEX_ID,
      k: 20,
      windows: 256,
    });
    server.on(`GET /api/jobs/${JOB}`, { body: done });
    const contexts = await screen.findAllByTestId("context", undefined, { timeout: 4000 });
    expect(contexts.map((one) => one.dataset.certain)).toEqual(["true", undefined]);
    expect(contexts[0]).toHaveTextContent("mlp_act.0:7 4.500");
    expect(screen.getByTestId("certainty")).toHaveTextContent(
      /Of the first it is certain.*60 of 1,060 promising windows were not run\. Nothing that was not run scores above 3\.000/,
    );
    await expectAccessible(document.body);
  });

  it("finds the search again after a reload, and searches further", async () => {
    server.on(`GET /api/jobs/${JOB}`, { body: done });
    server.on("POST /api/neurons/together", { status: 202, body: { ...done, job_id: "j_2" } });
    server.on("GET /api/jobs/j_2", { body: { ...done, job_id: "j_2" } });
    renderAt(`${AT}&togetherJob=${JOB}`, <NeuronView />);
    await userEvent.click(await screen.findByRole("button", { name: "Search further" }));
    await waitFor(() => expect(window.location.search).toContain("togetherJob=j_2"));
    expect(asked("/api/neurons/together", "POST")?.body).toMatchObject({ windows: 4000 });
  });

  it("says that the index of its address is gone, and which one answers", async () => {
    renderAt(`${AT}&index=x_gone`, <NeuronView />);
    expect(await screen.findByText(/is not here any more; below is bundled · 1,000 tokens/)).toBeVisible();
  });

  it("asks for its neighbours as one", async () => {
    const neighbours = [{ point: "mlp_act", layer: 0, unit: 1, correlation: 0.5, without_peak: 0.4 }];
    server.on("GET /api/neurons/neighbours", {
      body: { model_id: "", index_id: INDEX_ID, names: group.units, sample: 950, neighbours },
    });
    renderAt(AT, <NeuronView />);
    await userEvent.click(await screen.findByRole("button", { name: "Find their neighbours" }));
    expect(await screen.findByRole("link", { name: "mlp_act.0:1" })).toBeVisible();
    expect(asked("/api/neurons/neighbours")?.query.get("group_id")).toBe(GROUP_ID);
  });

  it("says that it is gone, and deletes only when that is confirmed", async () => {
    server.on(`DELETE /api/groups/${GROUP_ID}`, { body: { deleted: GROUP_ID } });
    const page = renderAt(AT, <NeuronView />);
    await userEvent.click(await screen.findByRole("button", { name: "Delete the group sums" }));
    await userEvent.click(await screen.findByRole("button", { name: "Keep it" }));
    expect(asked(`/api/groups/${GROUP_ID}`, "DELETE")).toBeUndefined();
    await userEvent.click(screen.getByRole("button", { name: "Delete the group sums" }));
    await userEvent.click(await screen.findByRole("button", { name: "Delete" }));
    expect(await screen.findByText("Which neuron?")).toBeVisible();
    page.unmount();
    server.on(`GET /api/groups/${GROUP_ID}`, failure(404, "not_found", "There is no such group."));
    renderAt(AT, <NeuronView />);
    expect(await screen.findByRole("alert")).toHaveTextContent("There is no such group.");
  });

  it("of another model leads there", async () => {
    renderAt(`${AT}&model=local/other`, <NeuronView />);
    const link = await screen.findByRole("link", { name: "Open it on neuronscope/tiny" });
    expect(link.getAttribute("href")).toContain("model=neuronscope/tiny");
    expect(screen.queryByTestId("members")).toBeNull();
  });
});

describe("saving a group", () => {
  it("takes the unit with chosen neighbours, or with another group's units", async () => {
    const neighbours = [
      { point: "mlp_act", layer: 1, unit: 2, correlation: 0.75, without_peak: 0.7 },
      { point: "mlp_act", layer: 0, unit: 4, correlation: -0.5, without_peak: 0.1 },
    ];
    server.on("GET /api/neurons/neighbours", {
      body: { model_id: "", index_id: INDEX_ID, names: [], sample: 950, neighbours },
    });
    server.on("POST /api/groups", ({ body }) => ({ status: 201, body: { ...group, ...(body as object) } }));
    renderAt("/neuron?unit=mlp_act.0:7&near=1", <NeuronView />);
    await userEvent.click(await screen.findByLabelText("Choose mlp_act.1:2"));
    await userEvent.click(screen.getByRole("button", { name: "Save with 1 neighbour…" }));
    const dialog = await screen.findByRole("dialog");
    expect(within(dialog).getByRole("button", { name: "Save 2 units" })).toBeDisabled();
    await userEvent.type(within(dialog).getByLabelText("Name"), "digits");
    await userEvent.selectOptions(await within(dialog).findByLabelText("Together with those of"), GROUP_ID);
    await userEvent.click(within(dialog).getByLabelText("mlp_act.1:2"));
    await userEvent.click(within(dialog).getByRole("button", { name: "Save 2 units" }));
    const open = await screen.findByRole("link", { name: "Open the group" });
    expect(open.getAttribute("href")).toContain(`group=${GROUP_ID}`);
    expect(asked("/api/groups", "POST")?.body).toEqual({
      model_id: "neuronscope/tiny",
      name: "digits",
      units: ["mlp_act.0:7", "mlp_act.1:3"],
      made_by: "hand",
      index_id: INDEX_ID,
    });
  });

  it("asks for another name where one is taken", async () => {
    renderAt("/neuron?unit=mlp_act.0:7", <NeuronView />);
    await userEvent.click(await screen.findByRole("button", { name: "Groups" }));
    await userEvent.click(await screen.findByText("Save it in a group…"));
    const field = await screen.findByLabelText("Name");
    await screen.findByLabelText("Together with those of");
    await userEvent.type(field, "sums{Enter}");
    expect(field).toHaveAccessibleDescription("Another group of this model has this name.");
    expect(asked("/api/groups", "POST")).toBeUndefined();
  });

  it("says why one was refused", async () => {
    server.on("POST /api/groups", failure(400, "bad_address", "Unit 99 is out of range."));
    renderAt("/neuron?unit=mlp_act.0:7", <NeuronView />);
    await userEvent.click(await screen.findByRole("button", { name: "Groups" }));
    await userEvent.click(await screen.findByText("Save it in a group…"));
    await userEvent.type(await screen.findByLabelText("Name"), "x");
    await userEvent.click(screen.getByRole("button", { name: "Save 1 unit" }));
    expect(await screen.findByRole("alert")).toHaveTextContent("Unit 99 is out of range.");
  });
});

it("are listed where no unit is named, and in the unit's menu with what holds it", async () => {
  const page = renderAt("/neuron", <NeuronView />);
  expect((await screen.findByRole("link", { name: "sums" })).getAttribute("href")).toContain(GROUP_ID);
  page.unmount();
  renderAt("/neuron?unit=mlp_act.0:7", <NeuronView />);
  await userEvent.click(await screen.findByRole("button", { name: "Groups" }));
  expect(await screen.findByText("2 units, this one among them")).toBeVisible();
});

describe("a group’s name", () => {
  const rename = async () => {
    await userEvent.click(await screen.findByRole("button", { name: "Rename the group sums" }));
    return screen.findByLabelText("Name of the group");
  };

  it("is changed in its place, by keys alone", async () => {
    server.on(`PATCH /api/groups/${GROUP_ID}`, { body: { ...group, name: "digits" } });
    renderAt(AT, <NeuronView />);
    (await screen.findByRole("button", { name: "Rename the group sums" })).focus();
    // What is there is selected: typing replaces it.
    await userEvent.keyboard("{Enter}");
    await expectAccessible(document.body);
    await userEvent.keyboard(" digits {Enter}");
    expect(await screen.findByRole("heading", { name: "digits" })).toBeVisible();
    expect(asked(`/api/groups/${GROUP_ID}`, "PATCH")?.body).toEqual({ name: "digits" });
    expect(screen.getByRole("button", { name: "Rename the group digits" })).toHaveFocus();
  });

  it("stays on Escape, and where it is the same", async () => {
    renderAt(AT, <NeuronView />);
    await userEvent.type(await rename(), "x{Escape}");
    expect(screen.getByRole("heading", { name: "sums" })).toBeVisible();
    expect(screen.getByRole("button", { name: "Rename the group sums" })).toHaveFocus();
    await userEvent.type(await rename(), "{Enter}");
    expect(screen.getByRole("heading", { name: "sums" })).toBeVisible();
    expect(asked(`/api/groups/${GROUP_ID}`, "PATCH")).toBeUndefined();
  });

  it("is none where it is empty or another group’s", async () => {
    server.on("GET /api/groups", { body: { groups: [group, { ...group, group_id: "g_2", name: "verse" }] } });
    renderAt(AT, <NeuronView />);
    const field = await rename();
    await userEvent.clear(field);
    await userEvent.keyboard("{Enter}");
    expect(field).toHaveAccessibleDescription("A group needs a name.");
    await userEvent.keyboard("verse");
    expect(field).not.toHaveAccessibleDescription();
    await userEvent.keyboard("{Enter}");
    expect(field).toHaveAccessibleDescription("Another group of this model has this name.");
    expect(field).toHaveFocus();
    expect(asked(`/api/groups/${GROUP_ID}`, "PATCH")).toBeUndefined();
  });

  it("can be typed again where the server refuses it", async () => {
    server.on(`PATCH /api/groups/${GROUP_ID}`, failure(404, "not_found", "There is no such group."));
    renderAt(AT, <NeuronView />);
    const field = await rename();
    await userEvent.clear(field);
    await userEvent.keyboard("digits{Enter}");
    await waitFor(() =>
      expect(field).toHaveAccessibleDescription(/There is no such group\. Do something else\./),
    );
    expect(field).toHaveValue("digits");
  });
});

describe("a group’s members", () => {
  it("are added and taken out in place", async () => {
    const grown = { ...group, units: [...group.units, "mlp_act.0:1"] };
    server.on(`PATCH /api/groups/${GROUP_ID}`, { body: grown });
    renderAt(AT, <NeuronView />);
    await userEvent.type(await screen.findByLabelText("Units to add"), " mlp_act.0:1, ");
    await userEvent.click(screen.getByRole("button", { name: "Add" }));
    expect(await screen.findByRole("link", { name: "mlp_act.0:1" })).toBeVisible();
    expect(asked(`/api/groups/${GROUP_ID}`, "PATCH")?.body).toEqual({ add: ["mlp_act.0:1"], remove: [] });
    server.on(`PATCH /api/groups/${GROUP_ID}`, { body: { ...group, units: ["mlp_act.0:7"] } });
    await userEvent.click(screen.getByRole("button", { name: "Take mlp_act.1:3 out of the group" }));
    await waitFor(() => expect(screen.queryByRole("link", { name: "mlp_act.1:3" })).toBeNull());
    expect(asked(`/api/groups/${GROUP_ID}`, "PATCH")?.body).toEqual({ add: [], remove: ["mlp_act.1:3"] });
    // A group holds at least one unit.
    expect(screen.queryByRole("button", { name: /^Take/ })).toBeNull();
    await expectAccessible(document.body);
  });

  it("stay as they are where a unit is refused", async () => {
    server.on(`PATCH /api/groups/${GROUP_ID}`, failure(400, "bad_address", "There is no such unit."));
    renderAt(AT, <NeuronView />);
    await userEvent.type(await screen.findByLabelText("Units to add"), "foo.1:2{Enter}");
    expect(await screen.findByText("There is no such unit.")).toBeVisible();
    expect(screen.getByLabelText("Units to add")).toHaveValue("foo.1:2");
  });
});

describe("the index of a group", () => {
  const older = index({ index_id: OTHER_INDEX_ID, corpus: "local/mine" });

  it("is the one that it was saved over, not the newest", async () => {
    server.on(`GET /api/groups/${GROUP_ID}`, { body: { ...group, index_id: OTHER_INDEX_ID } });
    server.on("GET /api/indexes", { body: { indexes: [index(), older] } });
    renderAt(AT, <NeuronView />);
    expect(await screen.findByLabelText("Index")).toHaveValue(OTHER_INDEX_ID);
    const [first] = within(screen.getByTestId("members")).getAllByRole("link");
    expect(first?.getAttribute("href")).toContain(`index=${OTHER_INDEX_ID}`);
  });

  it("is the one that what is shown was found in", async () => {
    const result = { ...together, index_id: OTHER_INDEX_ID };
    server.on(`GET /api/jobs/${JOB}`, { body: job("together", { state: "done", result }) });
    server.on("GET /api/indexes", { body: { indexes: [index(), older] } });
    renderAt(`${AT}&togetherJob=${JOB}`, <NeuronView />);
    await waitFor(() => expect(screen.getByLabelText("Index")).toHaveValue(OTHER_INDEX_ID));
  });

  it("stands in the links to its units and to Live", async () => {
    renderAt(`${AT}&index=${INDEX_ID}`, <NeuronView />);
    await userEvent.click(await screen.findByRole("button", { name: "Steer them in Live" }));
    const way = await screen.findByRole("menuitem", { name: /Ablate/ });
    expect(way.getAttribute("href")).toBe(
      `/live?model=neuronscope/tiny&index=${INDEX_ID}&group=${GROUP_ID}&steer=ablate`,
    );
  });
});
