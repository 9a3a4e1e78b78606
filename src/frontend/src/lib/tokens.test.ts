import { expect, it } from "vitest";
import { clipToken, joinTokens, showToken, spellToken } from "./tokens";

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

it("joins tokens to a text, characters that were cut in pieces made whole", () => {
  expect(joinTokens(["A", " caf", "<0xC3>", "<0xA9>", "!"])).toBe("A café!");
  expect(joinTokens(["<0xF0><0x9F>", "<0x99><0x82>"])).toBe("🙂");
});

it("leaves what is no whole character, or was written so, as it is", () => {
  expect(joinTokens(["a", "<0xC3>"])).toBe("a<0xC3>");
  expect(joinTokens(["<0x41>", "<b>"])).toBe("<0x41><b>");
});
