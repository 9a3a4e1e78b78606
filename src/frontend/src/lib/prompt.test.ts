import { expect, it } from "vitest";
import { titleOf } from "./prompt";

it.each([
  ["<|bos|><|user|>What is 23 + 45?<|end|><|assistant|>", "What is 23 + 45?"],
  ["<bos><start_of_turn>user\nHi<end_of_turn>\n", "user Hi"],
  ["<s>[INST] Say it [/INST]", "Say it"],
  ["if a < b:\n    return a > c", "if a < b: return a > c"],
  ["<|bos|>", "<|bos|>"],
])("shows %j as %j in a list", (text, title) => expect(titleOf(text)).toBe(title));
