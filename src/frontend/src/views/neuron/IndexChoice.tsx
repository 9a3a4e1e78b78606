import { NativeSelect, Text } from "@mantine/core";
import type { IndexEntry } from "@/api/types";
import { formatCount } from "@/lib/format";
import { usePatch } from "@/state/address";

export const indexWords = (one: IndexEntry) =>
  `${one.corpus} · ${formatCount(one.tokens)} tokens · k ${one.k}`;

/** Which index answers, where there are several; its corpus, where there is one. */
export function IndexChoice({
  indexes,
  indexId,
}: {
  indexes: readonly IndexEntry[];
  indexId: string | null;
}) {
  const patch = usePatch();
  const [only] = indexes;
  if (!only) return null;
  if (indexes.length === 1)
    return (
      <Text size="xs" c="dimmed">
        over {only.corpus}, {formatCount(only.tokens)} tokens
      </Text>
    );
  return (
    <NativeSelect
      size="xs"
      aria-label="Index"
      value={indexId ?? ""}
      data={indexes.map((one) => ({ value: one.index_id, label: indexWords(one) }))}
      onChange={(event) => patch({ index: event.currentTarget.value, short: null, shortJob: null })}
    />
  );
}
