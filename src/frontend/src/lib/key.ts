/** The key in what a person pasted: the bare token, or the whole address that holds it. */
export function readKey(text: string): string | null {
  const trimmed = text.trim();
  const inAddress = /[?&]token=([^&#\s]+)/.exec(trimmed)?.[1];
  if (inAddress) return decodeURIComponent(inAddress);
  return /^[A-Za-z0-9._~-]+$/.test(trimmed) ? trimmed : null;
}
