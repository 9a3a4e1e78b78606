import { expect, it } from "vitest";
import { parseLayers, spellLayers } from "./layers";

it.each([
  ["", []],
  [" , ", []],
  ["3", [3]],
  ["5, 0-2,1", [0, 1, 2, 5]],
  ["2 – 3", [2, 3]],
  ["3-1", null],
  ["a", null],
  ["1-", null],
  ["0-9999", null],
])("reads the layers of “%s”", (text, layers) => expect(parseLayers(text)).toEqual(layers));

it("writes layers as short as they can be read again", () => {
  expect(spellLayers([5, 0, 1, 2])).toBe("0–2, 5");
  expect(spellLayers([])).toBe("");
  expect(parseLayers(spellLayers([0, 2, 3, 4, 9]))).toEqual([0, 2, 3, 4, 9]);
});
