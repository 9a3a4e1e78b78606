/** Several prompts in one box: a line each, with `\n` for a newline inside one. */

export const joinPrompts = (prompts: readonly string[]): string =>
  prompts.map((prompt) => prompt.replaceAll("\n", "\\n")).join("\n");

export const splitPrompts = (text: string): string[] =>
  text
    .split("\n")
    .map((line) => line.replaceAll("\\n", "\n"))
    .filter((line) => line.trim() !== "");
