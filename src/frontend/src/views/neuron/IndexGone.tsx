import { Alert } from "@mantine/core";
import type { IndexEntry } from "@/api/types";
import { indexWords } from "./IndexChoice";

/** Says that what is shown is not of the index that the address names. */
export function IndexGone({ chosen }: { chosen: IndexEntry | null }) {
  return (
    <Alert variant="light" color="yellow" role="status" p="xs">
      The index that this address names is not here any more
      {chosen ? `; below is ${indexWords(chosen)}.` : "."}
    </Alert>
  );
}
