import { expect, it } from "vitest";
import { clipToken, showToken, spellToken } from "./tokens";

it("shows blanks", () => {
  expect(showToken(" the")).toBe("·the");
  expect(showToken("\n\n\t")).toBe("↵↵⇥");
  expect(showToken("")).toBe("∅");
});

it("leaves other text as it is, markup included", () => {
  expect(showToken("<b>é</b>")).toBe("<b>é</b>");
});

it("clips by characters, not by halves of them", () => {
  expect(clipToken("abcdefgh", 5)).toBe("abcd…");
  expect(clipToken("🙂🙂🙂🙂", 3)).toBe("🙂🙂…");
  expect(clipToken(" ab", 3)).toBe("·ab");
});

it("spells tokens for the ear", () => {
  expect(spellToken(" cat")).toBe("cat");
  expect(spellToken(" ")).toBe("space");
  expect(spellToken("\n")).toContain("line break");
  expect(spellToken("")).toBe("empty token");
});
