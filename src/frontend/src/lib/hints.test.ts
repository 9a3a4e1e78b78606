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

it("says where a change of a protected unit is confirmed", () => {
  const hint = "Leave it out of intervention 'ablate g_1', or say override_protection there.";
  expect(pageHint("mlp_act.2:45 is protected.", hint)).toBe(
    "Under Changes it can be taken out, or made anyway.",
  );
});
