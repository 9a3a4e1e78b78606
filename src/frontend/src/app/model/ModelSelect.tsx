import { Combobox, Group, InputBase, Kbd, Skeleton, Text, useCombobox } from "@mantine/core";
import { useEffect, useRef, useState } from "react";
import { useModels } from "@/api/queries/models";
import { ErrorNote } from "@/components/Notice";
import { filterModels, groupModels, isOwnId, looksLikeHubId } from "@/lib/models";
import { loadedWord } from "@/lib/precision";
import { useModelId, usePatch } from "@/state/address";
import { LoadedDot, ModelRow, TypedRow } from "./ModelRow";
import classes from "./ModelSelect.module.css";
import { useChooseModel } from "./useChooseModel";

/** The model dropdown: what is there, where it comes from, what it takes, what is loaded. */
export function ModelSelect() {
  const modelId = useModelId();
  const models = useModels();
  const choose = useChooseModel();
  const patch = usePatch();
  const [search, setSearch] = useState("");
  // Set by the gear's click, or by Shift, just before the option itself is taken.
  const wantsOptions = useRef(false);
  const askOptions = () => {
    wantsOptions.current = true;
  };
  const combobox = useCombobox({
    onDropdownOpen: () => {
      models.refetch();
      combobox.focusSearchInput();
    },
    onDropdownClose: () => {
      setSearch("");
      combobox.resetSelectedOption();
      combobox.focusTarget();
    },
  });
  const entries = models.data?.models ?? [];
  const current = entries.find((one) => one.model_id === modelId);
  const groups = groupModels(filterModels(entries, search));
  const typed = search.trim();
  // Not before the list is there: what is typed may well stand in it.
  const offerTyped =
    models.data !== undefined && looksLikeHubId(typed) && !entries.some((one) => one.model_id === typed);
  const nothing = groups.length === 0 && !offerTyped;

  // Enter takes what is marked; so while one types, the first that still fits is.
  const offered = [...groups.flatMap((group) => group.models.map((one) => one.model_id)), offerTyped].join(
    "\n",
  );
  const { selectFirstOption } = combobox;
  // biome-ignore lint/correctness/useExhaustiveDependencies: marked anew when the list on the page is another
  useEffect(() => {
    if (typed !== "") selectFirstOption();
  }, [typed, offered, selectFirstOption]);

  const take = (value: string) => {
    const entry = entries.find((one) => one.model_id === value);
    // How a chat server runs its model is not chosen here.
    if (wantsOptions.current && entry?.source !== "chat") patch({ load: value });
    else choose(value, entry);
    wantsOptions.current = false;
    combobox.closeDropdown();
  };

  return (
    <Combobox
      store={combobox}
      withinPortal={false}
      width={620}
      position="bottom-start"
      shadow="md"
      onOptionSubmit={take}
    >
      <Combobox.Target targetType="button" withExpandedAttribute>
        <InputBase
          component="button"
          type="button"
          role="combobox"
          size="xs"
          pointer
          className={classes.target}
          aria-label="Model"
          rightSection={<Combobox.Chevron />}
          rightSectionPointerEvents="none"
          onClick={() => combobox.toggleDropdown()}
        >
          <Group gap={6} wrap="nowrap">
            <LoadedDot loaded={current?.loaded ?? false} />
            <Text size="xs" truncate fw={500} style={{ flex: 1 }} title={modelId}>
              {modelId}
            </Text>
            {current?.loaded_as && (
              <span className={classes.mark} title={`Loaded in ${loadedWord(current.loaded_as)}`}>
                {loadedWord(current.loaded_as)}
              </span>
            )}
          </Group>
        </InputBase>
      </Combobox.Target>
      <Combobox.Dropdown>
        <Combobox.Search
          value={search}
          onChange={(event) => {
            setSearch(event.currentTarget.value);
            combobox.resetSelectedOption();
          }}
          onKeyDown={(event) => {
            if (event.key === "Enter") wantsOptions.current = event.shiftKey;
          }}
          placeholder="Search, or type an id of the hub"
          aria-label="Search models"
        />
        {models.isPending && <Skeleton height={120} m="xs" w="auto" />}
        {models.error && <ErrorNote error={models.error} onRetry={() => models.refetch()} />}
        {models.data && nothing && (
          <Combobox.Empty>
            {isOwnId(typed)
              ? "No model of that name is on this machine."
              : "No model of that name. An id of the hub looks like “owner/name”."}
          </Combobox.Empty>
        )}
        <Combobox.Options
          aria-label="Models"
          mah="min(60vh, 34rem)"
          style={{ overflowY: "auto" }}
          hidden={nothing}
        >
          {groups.map((group) => (
            <Combobox.Group key={group.title} label={group.title}>
              {group.models.map((entry) => (
                <Combobox.Option
                  key={entry.model_id}
                  className={classes.option}
                  value={entry.model_id}
                  active={entry.model_id === modelId}
                  disabled={!entry.loadable && !entry.loaded}
                >
                  <ModelRow entry={entry} onOptions={askOptions} />
                </Combobox.Option>
              ))}
            </Combobox.Group>
          ))}
          {offerTyped && (
            <Combobox.Option value={typed}>
              <TypedRow modelId={typed} onOptions={askOptions} />
            </Combobox.Option>
          )}
        </Combobox.Options>
        <Combobox.Footer className={classes.foot}>
          <span>
            <Kbd size="xs">Enter</Kbd> loads as is best here
          </span>
          <span>
            <Kbd size="xs">Shift</Kbd> <Kbd size="xs">Enter</Kbd> or the gear: choose how
          </span>
        </Combobox.Footer>
      </Combobox.Dropdown>
    </Combobox>
  );
}
