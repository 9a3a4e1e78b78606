import { Anchor, FileButton, Group, Text } from "@mantine/core";
import { useUploadCorpus } from "@/api/queries/indexes";
import { fieldsOf } from "@/lib/corpus";
import { corpusName } from "@/lib/corpusName";

/** Takes a text file of the person's own as a corpus. */
export function CorpusUpload({ onUploaded }: { onUploaded: (corpus: string) => void }) {
  const upload = useUploadCorpus();
  const take = async (file: File | null) => {
    if (!file) return;
    const content = await file.text();
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
      {upload.error && (
        <Text size="xs" c="var(--mantine-color-error)" role="alert">
          {upload.error.message}
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
