/** How a token is written on screen, so that spaces and line breaks can be seen. */

const VISIBLE: Record<string, string> = {
  " ": "·",
  "\n": "↵",
  "\t": "⇥",
  "\r": "␍",
  "\u00a0": "⍽",
  "\u200b": "∅",
};

export function showToken(text: string): string {
  if (text === "") return "∅";
  return text.replace(/[ \n\t\r\u00a0\u200b]/g, (character) => VISIBLE[character] ?? character);
}

/** A name for screen readers and exports: no signs that are read out oddly. */
export function spellToken(text: string): string {
  if (text === "") return "empty token";
  return text
    .replace(/\n/g, " line break ")
    .replace(/\t/g, " tab ")
    .replace(/^ (?=\S)/, "")
    .replace(/^\s+$/, (blanks) => (blanks.includes("line") ? blanks : "space"));
}

/** Shortens to `length` characters for an axis; whole characters, never half an emoji. */
export function clipToken(text: string, length = 12): string {
  const characters = [...showToken(text)];
  return characters.length > length ? `${characters.slice(0, length - 1).join("")}…` : characters.join("");
}
