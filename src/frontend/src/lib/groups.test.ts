import { expect, it } from "vitest";
import { nameFault } from "./groups";

const groups = [
  { group_id: "g_1", name: "sums" },
  { group_id: "g_2", name: "verse" },
];

it("tells an empty and a taken name, and lets a group keep its own", () => {
  expect(nameFault("  ", groups)).toBe("A group needs a name.");
  expect(nameFault(" verse ", groups, "g_1")).toBe("Another group of this model has this name.");
  expect(nameFault("sums", groups, "g_1")).toBeNull();
  expect(nameFault("Verse", groups)).toBeNull();
});
