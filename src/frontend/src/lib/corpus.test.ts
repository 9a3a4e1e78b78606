import { expect, it } from "vitest";
import { defaultField, fieldsOf, hubCorpus, parsePoints } from "./corpus";

it.each([
  ["roneneldan/TinyStories", "hf:roneneldan/TinyStories"],
  [" hf:wikitext:wikitext-2-raw-v1:test ", "hf:wikitext:wikitext-2-raw-v1:test"],
  ["https://huggingface.co/datasets/roneneldan/TinyStories/", "hf:roneneldan/TinyStories"],
  ["wikitext::train[:1%]", "hf:wikitext::train[:1%]"],
  ["", null],
  ["a/b/c", null],
  ["../up", null],
  ["name:one:two:three", null],
])("names a data set of the hub: %s", (typed, corpus) => expect(hubCorpus(typed)).toBe(corpus));

it("takes the field text where there is one, else the first", () => {
  const entry = (fields: string[]) => ({ corpus: "local/a", documents: null, bytes: 1, fields });
  expect(defaultField(entry(["title", "text"]))).toBe("text");
  expect(defaultField(entry(["title", "body"]))).toBe("title");
  expect(defaultField(entry([]))).toBeNull();
  expect(defaultField(undefined)).toBeNull();
});

it("looks for fields of text in the first line alone", () => {
  expect(fieldsOf('{"id": 1, "body": "a"}\n{')).toEqual(["body"]);
  expect(fieldsOf('{"text": "a"}')).toEqual(["text"]);
  expect(fieldsOf("[1]\n")).toEqual([]);
  expect(fieldsOf("no JSON")).toEqual([]);
  expect(fieldsOf("")).toEqual([]);
});

it("reads points and addresses", () => {
  expect(parsePoints("resid_mid, attn_out.3 resid_mid")).toEqual(["resid_mid", "attn_out.3"]);
  expect(parsePoints("  ")).toEqual([]);
  expect(parsePoints("Resid")).toBeNull();
  expect(parsePoints("attn_out.x")).toBeNull();
});
