import { NativeSelect, NumberInput, SimpleGrid, Switch, Text } from "@mantine/core";
import { useModels } from "@/api/queries/models";
import { useModelId, usePatch } from "@/state/address";
import classes from "./Chat.module.css";
import { DEFAULTS, KEEP_LABELS, KEEPS, MOST_TOKENS, SLOWEST, useOptions } from "./options";
import { onGpu } from "./useSend";

/**
 * How tokens are chosen, how many and how fast, and what is kept of them; in the address. A part of the chat's own column:
 * what is said there stays in sight while one sets it.
 */
export function RunSettings({ id }: { id: string }) {
  const { tokens, temperature, topK, topP, seed, keep, pace, compiled } = useOptions();
  const modelId = useModelId();
  const entry = useModels().data?.models.find((one) => one.model_id === modelId);
  const patch = usePatch();
  const set = (key: string, fallback?: number) => (value: number | string) =>
    patch({ [key]: value === "" || value === fallback ? null : value });
  return (
    <section id={id} className={classes.settings} aria-label="Settings of the run" data-settings>
      <SimpleGrid cols={2} spacing="xs" verticalSpacing="xs">
        <NumberInput
          size="xs"
          label="Most tokens"
          min={1}
          max={MOST_TOKENS}
          allowDecimal={false}
          clampBehavior="strict"
          value={tokens}
          onChange={set("tokens", DEFAULTS.tokens)}
        />
        <NumberInput
          size="xs"
          label="Temperature"
          min={0}
          max={100}
          step={0.1}
          clampBehavior="strict"
          value={temperature}
          onChange={set("temperature", DEFAULTS.temperature)}
        />
        <NumberInput
          size="xs"
          label="Top k"
          placeholder="all"
          min={1}
          allowDecimal={false}
          value={topK ?? ""}
          onChange={set("topk")}
        />
        <NumberInput
          size="xs"
          label="Top p"
          placeholder="all"
          min={0}
          max={1}
          step={0.05}
          clampBehavior="strict"
          value={topP ?? ""}
          onChange={set("topp")}
        />
        <NumberInput
          size="xs"
          label="Seed"
          placeholder="drawn"
          min={0}
          max={Number.MAX_SAFE_INTEGER}
          allowDecimal={false}
          value={seed ?? ""}
          onChange={set("seed")}
        />
        <NumberInput
          size="xs"
          label="Tokens a second"
          placeholder="as fast as it can"
          min={SLOWEST}
          max={1000}
          clampBehavior="blur"
          value={pace ?? ""}
          onChange={set("pace")}
        />
        <NativeSelect
          size="xs"
          style={{ gridColumn: "1 / -1" }}
          label="Kept of each step"
          value={keep}
          data={KEEPS.map((value) => ({ value, label: KEEP_LABELS[value] }))}
          onChange={(event) =>
            patch({ keep: event.currentTarget.value === "topk" ? null : event.currentTarget.value })
          }
        />
        {onGpu(entry) && (
          <Switch
            size="xs"
            style={{ gridColumn: "1 / -1" }}
            label="Compiled"
            description="One CUDA graph a token: faster, with other last digits than a run without it."
            checked={compiled}
            onChange={(event) => patch({ compiled: event.currentTarget.checked ? "1" : null })}
          />
        )}
      </SimpleGrid>
      <Text size="xs" c="dimmed" mt="xs">
        Temperature 0 takes the likeliest token each time. Above it tokens are drawn, the same ones for the
        same seed. A pace leaves time to steer: other runs on the model's device wait so much longer.
      </Text>
    </section>
  );
}
