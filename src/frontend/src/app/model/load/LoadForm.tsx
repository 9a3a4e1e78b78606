import { Button, Collapse, Group, NativeSelect, Skeleton, Stack, Text, TextInput } from "@mantine/core";
import { useDebouncedValue, useDisclosure } from "@mantine/hooks";
import { IconChevronDown, IconChevronRight } from "@tabler/icons-react";
import { useState } from "react";
import { useEstimate, useModels } from "@/api/queries/models";
import { useSystem } from "@/api/queries/system";
import { ErrorNote } from "@/components/Notice";
import { formatBytes } from "@/lib/format";
import { fitting, loadedWord, precisionWord } from "@/lib/precision";
import { useChooseModel } from "../useChooseModel";
import { EstimateBar } from "./EstimateBar";
import {
  deviceChoices,
  EMPTY_FORM,
  type LoadForm as Form,
  formFault,
  revisionFault,
  toEstimate,
  toWay,
} from "./loadForm";
import { ModuleFields } from "./ModuleFields";
import { PrecisionChoice } from "./PrecisionChoice";

/** How a model is to be loaded, with what that takes as one chooses. */
export default function LoadForm({ modelId, onClose }: { modelId: string; onClose: () => void }) {
  const [form, setForm] = useState<Form>(EMPTY_FORM);
  const [advanced, toggle] = useDisclosure(false);
  const models = useModels();
  const system = useSystem();
  const choose = useChooseModel();
  const entry = models.data?.models.find((one) => one.model_id === modelId);
  const [settled] = useDebouncedValue(form, 250);
  const estimate = useEstimate(toEstimate(modelId, settled), true);
  // What would be taken by itself: of an estimate that asks for nothing in particular.
  const plain = useEstimate(toEstimate(modelId, { ...settled, precision: null }), true);
  const change = (part: Partial<Form>) => setForm((now) => ({ ...now, ...part }));
  const found = estimate.data;
  const refused = found?.fits === false;
  // To ask for nothing in particular would give back what is loaded, as it is.
  const nothing = entry?.loaded === true && Object.keys(toWay(form)).length === 0;
  const byHand = Object.values(form.modules).some((path) => path.trim() !== "");
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        const way = toWay(form);
        choose(modelId, entry, Object.keys(way).length > 0 ? way : undefined);
        onClose();
      }}
    >
      <Stack gap="md">
        {plain.data ? (
          <PrecisionChoice
            value={form.precision}
            onChange={(precision) => change({ precision })}
            options={plain.data.options}
            chosen={plain.data.chosen}
          />
        ) : (
          plain.isPending && <Skeleton height={96} />
        )}
        <Group grow align="flex-start">
          <NativeSelect
            size="sm"
            label="Device"
            value={form.device}
            data={deviceChoices(system.data?.gpus ?? [], form.device === "" ? plain.data?.device : undefined)}
            onChange={(event) => change({ device: event.currentTarget.value })}
          />
          {(entry === undefined || entry.source === "hub" || entry.source === "cache") && (
            <TextInput
              size="sm"
              label="Revision"
              placeholder={entry?.revision?.slice(0, 12) ?? "main"}
              value={form.revision}
              error={revisionFault(form.revision)}
              onChange={(event) => change({ revision: event.currentTarget.value })}
            />
          )}
        </Group>
        <div style={{ opacity: estimate.isPlaceholderData ? 0.6 : 1 }} aria-live="polite">
          {estimate.isPending && <Skeleton height={60} />}
          {estimate.error && <ErrorNote error={estimate.error} onRetry={() => estimate.refetch()} compact />}
          {found && !estimate.error && <EstimateBar estimate={found} />}
          {refused && (
            <>
              <Text size="sm" mt="xs" role="alert">
                {found.message} {found.hint}
              </Text>
              <Group gap="xs" mt={6}>
                {fitting(found.options).map(({ precision, bytes }) => (
                  <Button
                    key={precision}
                    size="compact-sm"
                    variant="default"
                    onClick={() => change({ precision })}
                  >
                    Take {precisionWord(precision)} · {formatBytes(bytes)}
                  </Button>
                ))}
              </Group>
            </>
          )}
        </div>
        <div>
          <Button
            size="compact-sm"
            variant="subtle"
            color="gray"
            px={4}
            leftSection={advanced ? <IconChevronDown size={14} /> : <IconChevronRight size={14} />}
            aria-expanded={advanced}
            onClick={toggle.toggle}
          >
            Name its modules by hand{byHand ? " (in use)" : ""}
          </Button>
          <Collapse expanded={advanced}>
            <div style={{ paddingTop: 8 }}>
              {advanced && (
                <ModuleFields modules={form.modules} onChange={(modules) => change({ modules })} />
              )}
            </div>
          </Collapse>
        </div>
        <Group justify="space-between">
          <Text size="xs" c="dimmed">
            {entry?.loaded_as
              ? `It is loaded in ${loadedWord(entry.loaded_as)}; another way replaces that.`
              : ""}
          </Text>
          <Group gap="xs">
            <Button variant="default" onClick={onClose}>
              Close
            </Button>
            <Button type="submit" disabled={formFault(form) !== null || refused || nothing}>
              {entry?.loaded ? "Load anew" : "Load"}
            </Button>
          </Group>
        </Group>
      </Stack>
    </form>
  );
}
