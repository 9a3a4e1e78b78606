/** The key in what a person pasted: the bare token, or the whole address that holds it. */
export function readKey(text: string): string | null {
  const trimmed = text.trim();
  const inAddress = /[?&]token=([^&#\s]+)/.exec(trimmed)?.[1];
  if (inAddress) return decodeURIComponent(inAddress);
  return /^[A-Za-z0-9._~-]+$/.test(trimmed) ? trimmed : null;
}

/* A key is tried by going to an address, so that only what outlives the page can tell of it. */
const TRIED = "neuronscope.key-tried";

export const noteTry = () => sessionStorage.setItem(TRIED, "1");
export const wasTried = () => sessionStorage.getItem(TRIED) !== null;
export const forgetTry = () => sessionStorage.removeItem(TRIED);
