import { Button, Center, Group, Paper, Stack, Text, TextInput, Title } from "@mantine/core";
import { useState } from "react";
import { noteTry, readKey, wasTried } from "@/lib/key";
import { patchSearch } from "@/lib/url";
import { Mark } from "./Mark";

/** The address that was opened, with the key: the server takes the key out again and lets the rest stand. */
export const addressWithKey = ({ pathname, search }: Pick<Location, "pathname" | "search">, key: string) =>
  `${pathname}${patchSearch(search, { token: key })}`;

/** Shown instead of everything where the server refuses the page for want of its key. */
export function KeyPage() {
  const [text, setText] = useState("");
  const [wrong, setWrong] = useState(wasTried);
  const key = readKey(text);
  return (
    <Center component="main" mih="100vh" p="md">
      <Paper p="xl" radius="md" withBorder maw={480} bg="var(--ns-surface)">
        <Stack gap="sm">
          <Group gap="xs">
            <Mark size={32} />
            <Title order={1}>This page needs its key</Title>
          </Group>
          <Text size="sm">
            NeuronScope lets in only those who started it. Open the address that the program printed in its
            terminal, or paste that address or its token here.
          </Text>
          <form
            onSubmit={(event) => {
              event.preventDefault();
              if (!key) return;
              noteTry();
              window.location.assign(addressWithKey(window.location, key));
            }}
          >
            <Group align="flex-start" gap="xs" wrap="nowrap">
              <TextInput
                label="Token"
                style={{ flex: 1 }}
                value={text}
                error={wrong ? "That is not this server's key." : undefined}
                onChange={(event) => {
                  setText(event.currentTarget.value);
                  setWrong(false);
                }}
                autoComplete="off"
                spellCheck={false}
                data-autofocus
              />
              <Button type="submit" disabled={!key} mt="1.5rem">
                Open
              </Button>
            </Group>
          </form>
          <Text size="xs" c="dimmed">
            <code>neuronscope token</code> prints it again.
          </Text>
        </Stack>
      </Paper>
    </Center>
  );
}
