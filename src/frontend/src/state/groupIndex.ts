/** Which index a group was saved over, so that its page opens on that one: the server keeps a group's units alone. */

const KEY = "neuronscope.groupIndexes";
/** The oldest go first: a browser's storage is small. */
const MOST = 300;

function kept(): [string, string][] {
  try {
    const found: unknown = JSON.parse(window.localStorage.getItem(KEY) ?? "[]");
    return Array.isArray(found) ? found.filter((one) => Array.isArray(one) && one.length === 2) : [];
  } catch {
    return [];
  }
}

export const indexOfGroup = (groupId: string): string | null =>
  kept().find(([id]) => id === groupId)?.[1] ?? null;

export function keepIndexOfGroup(groupId: string, indexId: string): void {
  const others = kept().filter(([id]) => id !== groupId);
  try {
    window.localStorage.setItem(KEY, JSON.stringify([...others, [groupId, indexId]].slice(-MOST)));
  } catch {
    // A browser may forbid it: the newest index then answers, as for a group from elsewhere.
  }
}
