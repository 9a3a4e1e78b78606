/** The little Markdown that model cards are written in, as blocks. Whatever is not known stays plain text. */

export type Block =
  | { kind: "heading"; level: number; text: string }
  | { kind: "paragraph"; text: string }
  | { kind: "code"; text: string }
  | { kind: "list"; items: string[] }
  | { kind: "table"; head: string[]; rows: string[][] };

export type Inline = { kind: "text" | "code" | "strong"; text: string };

const cells = (line: string) =>
  line
    .trim()
    .replace(/^\||\|$/g, "")
    .split("|")
    .map((cell) => cell.trim());
const isRule = (line: string | undefined) => line !== undefined && /^\s*\|?[\s:|-]*-[\s:|-]*$/.test(line);
const LIST = /^\s*(?:[-*+]|\d+\.)\s+/;
const HEADING = /^(#{1,6})\s+(.*)$/;

export function parseMarkdown(source: string): Block[] {
  const lines = source.replace(/^---\n[\s\S]*?\n---\n/, "").split(/\r?\n/);
  const blocks: Block[] = [];
  let at = 0;
  const take = (belongs: (line: string) => boolean) => {
    const taken: string[] = [];
    for (let line = lines[at]; line !== undefined && belongs(line); line = lines[at]) {
      taken.push(line);
      at += 1;
    }
    return taken;
  };
  for (let line = lines[at]; line !== undefined; line = lines[at]) {
    const heading = HEADING.exec(line);
    if (line.trim() === "") at += 1;
    else if (heading?.[1]) {
      blocks.push({ kind: "heading", level: heading[1].length, text: heading[2] ?? "" });
      at += 1;
    } else if (line.startsWith("```")) {
      at += 1;
      blocks.push({ kind: "code", text: take((one) => !one.startsWith("```")).join("\n") });
      at += 1;
    } else if (line.includes("|") && isRule(lines[at + 1])) {
      at += 2;
      blocks.push({ kind: "table", head: cells(line), rows: take((one) => one.includes("|")).map(cells) });
    } else if (LIST.test(line)) {
      const items: string[] = [];
      for (const one of take((next) => LIST.test(next) || /^\s+\S/.test(next))) {
        if (LIST.test(one)) items.push(one.replace(LIST, ""));
        else items.push(`${items.pop() ?? ""} ${one.trim()}`);
      }
      blocks.push({ kind: "list", items });
    } else {
      const text = take(
        (one) => one.trim() !== "" && !HEADING.test(one) && !one.startsWith("```") && !LIST.test(one),
      );
      blocks.push({ kind: "paragraph", text: text.join(" ") });
    }
  }
  return blocks;
}

/** Code and strong text; links keep their words and lose their address. */
export function parseInline(text: string): Inline[] {
  const plain = text.replace(/!?\[([^\]]*)\]\([^)]*\)/g, "$1");
  return plain
    .split(/(`[^`]+`|\*\*[^*]+\*\*)/)
    .filter((piece) => piece !== "")
    .map((piece): Inline => {
      if (piece.startsWith("`") && piece.length > 2) return { kind: "code", text: piece.slice(1, -1) };
      if (piece.startsWith("**") && piece.length > 4) return { kind: "strong", text: piece.slice(2, -2) };
      return { kind: "text", text: piece };
    });
}
