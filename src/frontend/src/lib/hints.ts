/** The server's advice is for every door to it; the page leaves out what only a terminal or a program can follow. */
export function pageHint(message: string, hint: string): string {
  if (/ say override_protection /.test(hint)) return "Under Changes it can be taken out, or made anyway.";
  const unknownModel = /^There is no model '/.test(message);
  return unknownModel && /\/api\/|`neuronscope /.test(hint) ? "Choose another at the top of the page." : hint;
}
