import { Alert } from "@mantine/core";
import { IconInfoCircle } from "@tabler/icons-react";
import type { IndexEntry } from "@/api/types";
import { indexWords } from "./IndexChoice";

/** Says that what is shown is not of the index that the address names. */
export function IndexGone({ chosen }: { chosen: IndexEntry | null }) {
  return (
    <Alert variant="default" role="status" p="xs" icon={<IconInfoCircle size={18} aria-hidden />}>
      The index that this address names is not here any more
      {chosen ? `; below is ${indexWords(chosen)}.` : "."}
    </Alert>
  );
}
