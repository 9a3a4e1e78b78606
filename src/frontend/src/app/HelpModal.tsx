import { Anchor, Group, Kbd, Stack, Table, Text, Title } from "@mantine/core";
import { Dialog } from "@/components/Dialog";

const KEYS: readonly [string[], string][] = [
  [["Ctrl", "Enter"], "run the prompt"],
  [["↑", "↓"], "change the layer, with the layer list or slider in focus"],
  [["←", "→", "↑", "↓"], "move over the cells, with the heatmap in focus"],
  [["Enter"], "open the neuron of the cell"],
  [["←", "→"], "move over the tokens of a text"],
  [["↑", "↓"], "in Live: the layer"],
  [["←", "→"], "in Live: the step; Home and End to the ends"],
  [["Space"], "in Live: play the steps, or hold"],
  [["B"], "in Live: boost the selected unit"],
  [["X"], "in Live: ablate the selected unit"],
  [["\\"], "in Live: clear all changes"],
  [["Esc"], "close what is open"],
  [["?"], "this help"],
];

const WORDS: readonly [string, string][] = [
  [
    "Neuron",
    "one coordinate of the input of an MLP's output projection (mlp_act). In gated MLPs that is act(gate) × up.",
  ],
  ["Unit", "any single coordinate: of a neuron layer, or of the residual stream."],
  ["Trace", "what one run of a prompt recorded. Its address can be sent; it opens the same picture."],
  ["Index", "for one model and one corpus: the exact strongest contexts of every neuron."],
  [
    "Special tokens",
    "such as the start mark are drawn, but left out of colour ranges and rankings: they would drown the rest.",
  ],
];

export function HelpModal({ opened, onClose }: { opened: boolean; onClose: () => void }) {
  return (
    <Dialog opened={opened} onClose={onClose} title="Help" size="lg">
      <Stack gap="md">
        <section>
          <Title order={2} mb={4}>
            The way through
          </Title>
          <Text size="sm">
            Run a prompt in Explore. Choose a layer in the strip. Click a neuron of the heatmap: its page
            shows which text drives it, and lets you try your own. The scatter puts neurons that fire together
            side by side. In Live, talk with the model: each token shows what its layers did, and a unit can
            be boosted or ablated on the way.
          </Text>
        </section>
        <section>
          <Title order={2} mb={4}>
            Keys
          </Title>
          <Table fz="sm" verticalSpacing={3} withRowBorders={false}>
            <Table.Tbody>
              {KEYS.map(([keys, does]) => (
                <Table.Tr key={does}>
                  <Table.Td w={150}>
                    <Group gap={4}>
                      {keys.map((key) => (
                        <Kbd key={key} size="xs">
                          {key}
                        </Kbd>
                      ))}
                    </Group>
                  </Table.Td>
                  <Table.Td>{does}</Table.Td>
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
        </section>
        <section>
          <Title order={2} mb={4}>
            Words
          </Title>
          <Stack gap={4}>
            {WORDS.map(([word, meaning]) => (
              <Text key={word} size="sm">
                <b>{word}</b>: {meaning}
              </Text>
            ))}
          </Stack>
        </section>
        <Text size="sm">
          Everything here can be had over REST too:{" "}
          <Anchor href="/api/docs" target="_blank" rel="noreferrer" inherit underline="always">
            /api/docs
          </Anchor>
        </Text>
      </Stack>
    </Dialog>
  );
}
