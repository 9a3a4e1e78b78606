/** Names of groups: what a person is told before the server is asked. */

interface Named {
  group_id: string;
  name: string;
}

/** The longest name that the server takes. */
export const MOST_NAME = 200;

/**
 * Why a name can't be given to a group beside these, or null. The server itself lets two groups share a name, since it knows
 * them by id; a person who picks one from a list could not tell them apart.
 */
export function nameFault(name: string, groups: readonly Named[], own?: string): string | null {
  const meant = name.trim();
  if (meant === "") return "A group needs a name.";
  const taken = groups.some((one) => one.group_id !== own && one.name === meant);
  return taken ? "Another group of this model has this name." : null;
}
