import { NativeSelect, Text, TextInput } from "@mantine/core";
import { useState } from "react";
import type { CorpusEntry } from "@/api/types";
import { defaultField, HUB, hubCorpus } from "@/lib/corpus";
import classes from "./Index.module.css";

export interface CorpusChosen {
  corpora: readonly CorpusEntry[];
  /** null while a data set of the hub is not named yet. */
  corpus: string | null;
  /** null where the corpus has no fields. */
  field: string | null;
  entry: CorpusEntry | undefined;
  hub: string | null;
  choose: (corpus: string) => void;
  setHub: (typed: string) => void;
  setField: (field: string) => void;
}

/** A corpus that is there, or a data set of the hub by its name; and the field that holds its text. */
export function useCorpusChoice(corpora: readonly CorpusEntry[]): CorpusChosen {
  const [chosen, setChosen] = useState("bundled");
  const [hub, setHub] = useState("");
  const [field, setField] = useState<string | null>(null);
  const entry = corpora.find((one) => one.corpus === chosen);
  const streamed = chosen === HUB;
  return {
    corpora,
    corpus: streamed ? hubCorpus(hub) : chosen,
    field: field ?? (streamed ? "text" : defaultField(entry)),
    entry,
    hub: streamed ? hub : null,
    choose: (corpus) => {
      setChosen(corpus);
      setField(null);
    },
    setHub,
    setField,
  };
}

export function CorpusChoice({ choice, className }: { choice: CorpusChosen; className: string | undefined }) {
  const { corpora, entry, hub, field } = choice;
  const fields = entry?.fields ?? [];
  const wide = { className: classes.wide, size: "sm" } as const;
  return (
    <>
      <NativeSelect
        size="sm"
        label="Corpus"
        className={className}
        value={entry?.corpus ?? HUB}
        data={[
          ...corpora.map((one) => one.corpus),
          { value: HUB, label: "a data set of the Hugging Face hub …" },
        ]}
        onChange={(event) => choice.choose(event.currentTarget.value)}
      />
      {hub !== null && (
        <>
          <TextInput
            {...wide}
            label="Data set"
            placeholder="roneneldan/TinyStories"
            value={hub}
            onChange={(event) => choice.setHub(event.currentTarget.value)}
            error={
              hub !== "" && choice.corpus === null
                ? "Write OWNER/NAME, or OWNER/NAME:CONFIGURATION:SPLIT"
                : undefined
            }
          />
          <TextInput
            {...wide}
            label="Field of the text"
            value={field ?? ""}
            onChange={(event) => choice.setField(event.currentTarget.value || "text")}
          />
          <Text size="xs" c="dimmed" className={classes.wide}>
            It is streamed from the hub, which takes the package datasets, and read twice: name how many
            documents to take.
          </Text>
        </>
      )}
      {fields.length > 1 && (
        <NativeSelect
          {...wide}
          label="Field of the text"
          value={field ?? ""}
          data={[...fields]}
          onChange={(event) => choice.setField(event.currentTarget.value)}
        />
      )}
    </>
  );
}
