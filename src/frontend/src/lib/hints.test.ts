import { expect, it } from "vitest";
import { pageHint } from "./hints";

const UNKNOWN = "There is no model 'local/x'.";

it.each([
  [
    UNKNOWN,
    "GET /api/models and `neuronscope models` list those there are.",
    "Choose another at the top of the page.",
  ],
  [UNKNOWN, "`neuronscope models` lists those there are.", "Choose another at the top of the page."],
  [UNKNOWN, "Check its spelling.", "Check its spelling."],
  ["The prompt is too long.", "GET /api/models says how long.", "GET /api/models says how long."],
])("%j with %j advises %j", (message, hint, shown) => expect(pageHint(message, hint)).toBe(shown));
