/** A file's name as a corpus name: lower case, digits, dashes; never empty, at most 60 characters. */
export function corpusName(file: string): string {
  const name = file
    .replace(/\.[^.]*$/, "")
    .toLowerCase()
    .replace(/[^a-z0-9_-]+/g, "-")
    .replace(/^[^a-z0-9]+/, "")
    .slice(0, 60)
    .replace(/[^a-z0-9]+$/, "");
  return name || "corpus";
}
