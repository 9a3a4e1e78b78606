import { Alert } from "@mantine/core";
import { IconInfoCircle } from "@tabler/icons-react";
import type { IndexEntry } from "@/api/types";
import { indexWords } from "./IndexChoice";
import type { Unanswered } from "./useIndexFor";

const WHY: Record<Unanswered, string> = {
  gone: "is not here any more",
  unusable: "does not fit the model as it is now",
  "other model": "is of another model",
  "no such units": "holds no units of this point",
};

/** Says that what is shown is not of the index that the address names, and why. */
export function IndexGone({ why, chosen }: { why: Unanswered; chosen: IndexEntry | null }) {
  return (
    <Alert variant="default" role="status" p="xs" icon={<IconInfoCircle size={18} aria-hidden />}>
      The index that this address names {WHY[why]}
      {chosen ? `; below is ${indexWords(chosen)}.` : "."}
    </Alert>
  );
}
