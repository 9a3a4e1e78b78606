/** Hands a text to the person as a file. */
export const downloadText = (name: string, type: string, text: string) =>
  downloadBlob(name, new Blob([text], { type }));

/** Hands bytes to the person as a file. */
export function downloadBlob(name: string, blob: Blob): void {
  const address = URL.createObjectURL(blob);
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  URL.revokeObjectURL(address);
}

/** Only letters, digits, dots and dashes, as every file system takes them. */
export const fileName = (...parts: (string | number)[]) => parts.join("-").replace(/[^A-Za-z0-9._-]+/g, "-");
