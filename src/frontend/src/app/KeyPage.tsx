import { Button, Center, Group, Paper, Stack, Text, TextInput, Title } from "@mantine/core";
import { useState } from "react";
import { readKey } from "@/lib/key";
import { Mark } from "./Mark";

/** Shown instead of everything where the server refuses the page for want of its key. */
export function KeyPage() {
  const [text, setText] = useState("");
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
              if (key) window.location.assign(`/?token=${encodeURIComponent(key)}`);
            }}
          >
            <Group align="flex-end" gap="xs" wrap="nowrap">
              <TextInput
                label="Token"
                style={{ flex: 1 }}
                value={text}
                onChange={(event) => setText(event.currentTarget.value)}
                autoComplete="off"
                spellCheck={false}
                data-autofocus
              />
              <Button type="submit" disabled={!key}>
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
