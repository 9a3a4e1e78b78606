import { describe, expect, it } from "vitest";
import { promptOf, titleOf } from "./prompt";

it.each([
  ["<|bos|><|user|>What is 23 + 45?<|end|><|assistant|>", "What is 23 + 45?"],
  ["<bos><start_of_turn>user\nHi<end_of_turn>\n", "user Hi"],
  ["<s>[INST] Say it [/INST]", "Say it"],
  ["if a < b:\n    return a > c", "if a < b: return a > c"],
  ["<|bos|>", "<|bos|>"],
])("shows %j as %j in a list", (text, title) => expect(titleOf(text)).toBe(title));

const token = (text: string, special = false) => ({ id: 0, text, special });

describe("the whole prompt of a trace", () => {
  it("is what its tokens say where the text was cut, without the marks around it", () => {
    const tokens = [token("<s>", true), token(" Once"), token(" upon"), token(" a")];
    expect(promptOf({ text: "Once upon", tokens })).toBe("Once upon a");
  });

  it("of a conversation keeps the marks within it", () => {
    const tokens = [token("<|user|>", true), token("Tell"), token(" me"), token("<|end|>", true)];
    expect(promptOf({ text: "<|user|>Tell", tokens })).toBe("<|user|>Tell me<|end|>");
  });

  it("is its text where the tokens say it otherwise", () => {
    expect(promptOf({ text: "ONCE", tokens: [token("once")] })).toBe("ONCE");
  });
});
