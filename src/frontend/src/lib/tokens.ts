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

/** Tokens as one text. Those that hold only a part of a character are shown as `<0xE2>`; together they make it whole. */
export function joinTokens(tokens: readonly string[]): string {
  return tokens.join("").replace(/(?:<0x[89A-F][0-9A-F]>)+/g, (shown) => {
    const bytes = Uint8Array.from(shown.match(/[0-9A-F]{2}(?=>)/g) ?? [], (pair) =>
      Number.parseInt(pair, 16),
    );
    try {
      return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    } catch {
      return shown;
    }
  });
}
