import { Anchor, FileButton, Group, Text } from "@mantine/core";
import { useState } from "react";
import { ApiError } from "@/api/client";
import { useUploadCorpus } from "@/api/queries/indexes";
import { fieldsOf } from "@/lib/corpus";
import { corpusName } from "@/lib/corpusName";

/** Takes a text file of the person's own as a corpus. */
export function CorpusUpload({ onUploaded }: { onUploaded: (corpus: string) => void }) {
  const upload = useUploadCorpus();
  const [empty, setEmpty] = useState(false);
  const take = async (file: File | null) => {
    if (!file) return;
    const content = await file.text();
    const nothing = content.trim() === "";
    setEmpty(nothing);
    if (nothing) return upload.reset();
    const fields = fieldsOf(content);
    const lines = /\.jsonl?$/i.test(file.name);
    upload.mutate(
      {
        name: corpusName(file.name),
        format: lines ? "jsonl" : "text",
        // The server makes sure that each line has it; where there are several, the form asks which is meant.
        field: lines && !fields.includes("text") ? (fields[0] ?? "text") : "text",
        content,
      },
      { onSuccess: ({ corpus }) => onUploaded(corpus) },
    );
  };
  return (
    <Group gap="xs">
      {(empty || upload.error) && (
        <Text size="xs" c="var(--mantine-color-error)" role="alert">
          {empty ? "This file is empty." : upload.error?.message}
          {!empty && upload.error instanceof ApiError && ` ${upload.error.hint}`}
        </Text>
      )}
      <FileButton accept=".txt,.jsonl,text/plain,application/jsonl" onChange={take}>
        {(props) => (
          <Anchor
            component="button"
            type="button"
            size="xs"
            {...props}
            title="Text: documents separated by blank lines. JSONL: an object a line, with a field of text."
          >
            {upload.isPending ? "Reading the file…" : "Use a file of your own (.txt or .jsonl)"}
          </Anchor>
        )}
      </FileButton>
    </Group>
  );
}
