import { describe, expect, it } from "vitest";
import { model } from "@/testing/fixtures";
import { csvCell, toCsv } from "./csv";
import { fileName } from "./download";
import { readKey } from "./key";
import { parseInline, parseMarkdown } from "./markdown";
import { filterModels, groupModels, looksLikeHubId } from "./models";
import { promptOf } from "./prompt";

describe("CSV", () => {
  it("quotes what needs it", () => {
    expect(
      toCsv([
        ["a,b", 'say "x"', 1.5],
        ["two\nlines", "", -2],
      ]),
    ).toBe('"a,b","say ""x""",1.5\r\n"two\nlines",,-2\r\n');
  });
  it.each(["=1+1", "+x", "-x", "@x", " =1", "\t=1"])("takes the fuse out of %j", (text) => {
    expect(csvCell(text).replace(/^"/, "").startsWith("'")).toBe(true);
  });
  it("leaves numbers alone, but for the noise past a float's own digits", () => {
    expect(csvCell(-3)).toBe("-3");
    expect(csvCell(null)).toBe("NaN");
    expect(csvCell(0.6766752004623413)).toBe("0.6766752");
  });
});

it("makes file names that every system takes", () => {
  expect(fileName("heatmap", "mlp_act.3:42", "../x")).toBe("heatmap-mlp_act.3-42-..-x");
});

describe("a trace's prompt", () => {
  const token = (text: string, special = false) => ({ id: 0, text, special });
  it.each([
    ["ab", [token("<s>", true), token("ab"), token(" cd")], "ab cd"],
    ["ab", [token(" ab"), token(" cd")], "ab cd"],
    ["Ab", [token("ab"), token(" cd")], "Ab"],
    ["", [], ""],
  ])("from %j and %j is %j", (text, tokens, prompt) => expect(promptOf({ text, tokens })).toBe(prompt));
});

describe("the key", () => {
  it.each([
    ["abc-123_x", "abc-123_x"],
    ["  abc ", "abc"],
    ["http://127.0.0.1:5000/?token=a%2Fb", "a/b"],
    ["http://127.0.0.1:5000/?x=1&token=abc#y", "abc"],
    ["", null],
    ["two words", null],
  ])("in %j is %j", (text, key) => expect(readKey(text)).toBe(key));
});

describe("models", () => {
  const models = [model(), model({ model_id: "openai-community/gpt2", family: "gpt2", source: "hub" })];
  it("are found by any of their words", () => {
    expect(filterModels(models, "gpt hub").map((one) => one.model_id)).toEqual(["openai-community/gpt2"]);
    expect(filterModels(models, "")).toHaveLength(2);
    expect(filterModels(models, "nothing")).toEqual([]);
  });
  it.each([
    ["gpt2", true],
    ["owner/name-1.5", true],
    ["localhost/name", true],
    ["local", false],
    ["local/huge", false],
    ["Local/Huge", false],
    ["neuronscope/ti", false],
    ["../etc", false],
    ["a/b/c", false],
    ["two words", false],
    ["", false],
  ])("%j as an id of the hub: %j", (text, is) => expect(looksLikeHubId(text)).toBe(is));
});

describe("Markdown", () => {
  it("splits a card into its blocks", () => {
    const source =
      "---\nlicense: mit\n---\n# Title\n\nSome\ntext.\n\n- one\n- two\n  more\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n```\ncode | x\n```\n";
    expect(parseMarkdown(source)).toEqual([
      { kind: "heading", level: 1, text: "Title" },
      { kind: "paragraph", text: "Some text." },
      { kind: "list", items: ["one", "two more"] },
      { kind: "table", head: ["a", "b"], rows: [["1", "2"]] },
      { kind: "code", text: "code | x" },
    ]);
  });
  it("ends on anything", () => {
    for (const text of ["```", "| x", "- ", "#", "\n\n", "|\n|-|"])
      expect(Array.isArray(parseMarkdown(text))).toBe(true);
  });
  it("keeps the words of a link and drops where it leads", () => {
    expect(parseInline("see [this](javascript:alert) and `x` **y**")).toEqual([
      { kind: "text", text: "see this and " },
      { kind: "code", text: "x" },
      { kind: "text", text: " " },
      { kind: "strong", text: "y" },
    ]);
  });
});

it("groups models as one looks for them, without empty groups", () => {
  const at = (model_id: string, part: Parameters<typeof model>[0]) => model({ model_id, ...part });
  const groups = groupModels([
    at("hub/large", { source: "hub", loaded: false }),
    at("local/a", { source: "local", loaded: false }),
    at("hub/good", { source: "hub", loaded: false, recommended: true }),
    at("hub/here", { source: "cache", loaded: true, recommended: true }),
  ]);
  expect(groups.map(({ models }) => models.map((one) => one.model_id))).toEqual([
    ["hub/here"],
    ["local/a"],
    ["hub/good"],
    ["hub/large"],
  ]);
  expect(groupModels([])).toEqual([]);
});
