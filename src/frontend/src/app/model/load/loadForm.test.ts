import { describe, expect, it } from "vitest";
import { deviceChoices, EMPTY_FORM, formFault, toEstimate, toWay } from "./loadForm";

describe("the form of a load", () => {
  it("that is left alone asks for nothing, so that the default stays the server's", () => {
    expect(toWay(EMPTY_FORM)).toEqual({});
    expect(toEstimate("a/b", EMPTY_FORM)).toEqual({ model_id: "a/b" });
  });

  it("sends what was chosen, and names of modules only with the load", () => {
    const form = {
      precision: "nf4" as const,
      device: "cuda:0",
      revision: " main ",
      modules: { mlp_out: " mlp.down_proj ", q: "" },
    };
    expect(toWay(form)).toEqual({
      quantization: "nf4",
      device: "cuda:0",
      revision: "main",
      modules: { mlp_out: "mlp.down_proj" },
    });
    expect(toEstimate("a/b", form)).not.toHaveProperty("modules");
  });

  it.each(["main; rm", "a b"])("refuses the revision %j", (revision) =>
    expect(formFault({ ...EMPTY_FORM, revision })).not.toBeNull(),
  );
  it.each(["1x", "a..b", "a b", ".a"])("refuses the module name %j", (path) =>
    expect(formFault({ ...EMPTY_FORM, modules: { q: path } })).not.toBeNull(),
  );
  it("takes a block by its number", () =>
    expect(formFault({ ...EMPTY_FORM, modules: { q: "h.0.attn" } })).toBeNull());
});

describe("devices", () => {
  it("are those of this machine", () => {
    expect(deviceChoices([], "cpu").map(({ value }) => value)).toEqual(["", "cpu"]);
    expect(deviceChoices([], "mps").map(({ value }) => value)).toEqual(["", "cpu", "mps"]);
    const card = { name: "H200", total_bytes: 1, free_bytes: 1, used_bytes: 0 };
    expect(deviceChoices([card, card], "cuda:0").map(({ value }) => value)).toEqual([
      "",
      "cpu",
      "cuda:0",
      "cuda:1",
      "auto",
    ]);
  });
});
