import { expect, it } from "vitest";
import { joinPrompts, splitPrompts } from "./prompts";

it("keeps a newline inside a prompt through a box with one prompt on each line", () => {
  const prompts = ["def f():\n    return", "23+45="];
  expect(joinPrompts(prompts)).toBe("def f():\\n    return\n23+45=");
  expect(splitPrompts(joinPrompts(prompts))).toEqual(prompts);
});

it("takes no empty line for a prompt, and keeps spaces that are part of one", () => {
  expect(splitPrompts("\n  \n a \n\n")).toEqual([" a "]);
});
