import { screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { beforeEach, describe, expect, it } from "vitest";
import { estimate, everyday, job } from "@/testing/fixtures";
import { expectAccessible, renderAt } from "@/testing/render";
import { type FakeServer, failure, fakeServer } from "@/testing/server";
import { LoadDialog } from "./LoadDialog";

let server: FakeServer;
const asked = () => server.calls.filter(({ path }) => path === "/api/models/load").map(({ body }) => body);

beforeEach(() => {
  server = fakeServer({ ...everyday });
  server.on("POST /api/models/load", { status: 202, body: job({ kind: "load", model_id: "local/other" }) });
  server.on("GET /api/models/estimate", ({ url }) => ({
    body:
      url.searchParams.get("dtype") === "float32"
        ? estimate({
            fits: false,
            bytes: 9e9,
            message: "It needs 9 GB; 8 GB are free.",
            hint: "In NF4 it fits.",
          })
        : url.searchParams.get("quantization") === "nf4"
          ? estimate({ chosen: "nf4", bytes: 6e8, weights_bytes: 3e8 })
          : estimate(),
  }));
});

describe("the options of a load", () => {
  it("weigh what is chosen, and load it so", async () => {
    renderAt("/?load=local/other&tab=layers", <LoadDialog />);
    const dialog = await screen.findByRole("dialog", { name: "Load options · local/other" });
    expect(await within(dialog).findByText(/of 8.0 GB free on cpu/)).toHaveTextContent("2.3 GB in float32");
    await expectAccessible(document.body);
    await userEvent.click(within(dialog).getByRole("radio", { name: "NF4" }));
    await waitFor(() => expect(within(dialog).getByText(/free on cpu/)).toHaveTextContent("600 MB in NF4"));
    await userEvent.click(within(dialog).getByRole("button", { name: "Load" }));
    await waitFor(() => expect(asked()).toEqual([{ model_id: "local/other", quantization: "nf4" }]));
    expect(window.location.search).toBe("?tab=layers&model=local/other");
  });

  it("say in numbers why something would not fit, and don't ask for it", async () => {
    renderAt("/?load=local/other", <LoadDialog />);
    await userEvent.click(await screen.findByRole("radio", { name: "float32" }));
    expect(await screen.findByText(/It needs 9 GB; 8 GB are free. In NF4 it fits./)).toBeVisible();
    expect(screen.getByRole("button", { name: "Load" })).toBeDisabled();
  });

  it("take names of modules by hand, and refuse what is none", async () => {
    renderAt("/?load=local/other", <LoadDialog />);
    await userEvent.click(await screen.findByRole("button", { name: "Name its modules by hand" }));
    const field = await screen.findByLabelText("mlp_out");
    await userEvent.type(field, "mlp down");
    expect(screen.getByText(/Names joined by dots/)).toBeVisible();
    expect(screen.getByRole("button", { name: "Load" })).toBeDisabled();
    await expectAccessible(document.body);
    await userEvent.clear(field);
    await userEvent.type(field, "mlp.down");
    await userEvent.click(screen.getByRole("button", { name: "Load" }));
    await waitFor(() =>
      expect(asked()).toEqual([{ model_id: "local/other", modules: { mlp_out: "mlp.down" } }]),
    );
  });

  it("replace a loaded model only where something is asked for", async () => {
    renderAt("/?load=neuronscope/tiny", <LoadDialog />);
    const button = await screen.findByRole("button", { name: "Load anew" });
    expect(button).toBeDisabled();
    expect(screen.getByText("It is loaded in float32; another way replaces that.")).toBeVisible();
    await userEvent.click(await screen.findByRole("radio", { name: "NF4" }));
    await waitFor(() => expect(button).toBeEnabled());
    await userEvent.click(button);
    await waitFor(() => expect(asked()).toEqual([{ model_id: "neuronscope/tiny", quantization: "nf4" }]));
  });

  it("show what the server has against it", async () => {
    server.on("GET /api/models/estimate", failure(422, "corrupt_model", "A file is missing: x.safetensors."));
    renderAt("/?load=local/other", <LoadDialog />);
    expect(await screen.findByRole("alert")).toHaveTextContent("A file is missing");
  });

  it("say so where nothing is known yet", async () => {
    const unknown = estimate({ chosen: null, fits: null, bytes: null, weights_bytes: null, options: [] });
    server.on("GET /api/models/estimate", { body: unknown });
    renderAt("/?load=owner/new", <LoadDialog />);
    expect(await screen.findByText(/Its size is not known before it is fetched/)).toBeVisible();
    expect(screen.getByRole("button", { name: "Load" })).toBeEnabled();
    expect(screen.getByLabelText("Revision")).toBeVisible();
  });
});
