import { Skeleton, Tabs, Text } from "@mantine/core";
import { IconAlertTriangleFilled } from "@tabler/icons-react";
import { Suspense } from "react";
import type { ModelCard } from "@/api/types";
import { useParams, usePatch } from "@/state/address";
import classes from "./Card.module.css";
import { CARD_TABS } from "./tabs";

/** The card's tabs. Which one is open is in the address, so that a link leads to it. */
export default function CardBody({ card }: { card: ModelCard }) {
  const asked = useParams().get("card");
  const patch = usePatch();
  const tabs = CARD_TABS.filter((tab) => tab.when?.(card) ?? true);
  const open = tabs.find((tab) => tab.id === asked) ?? tabs[0];
  return (
    <div className={classes.body}>
      <Tabs
        value={open?.id ?? null}
        onChange={(id) => patch({ card: id })}
        keepMounted={false}
        classNames={{ list: classes.tabs ?? "" }}
      >
        <Tabs.List aria-label="Parts of the card">
          {tabs.map((tab) => (
            <Tabs.Tab
              key={tab.id}
              value={tab.id}
              {...(tab.warns?.(card) && {
                c: "var(--mantine-color-error)",
                leftSection: <IconAlertTriangleFilled size={14} aria-label="Something is wrong here" />,
              })}
            >
              {tab.title}
            </Tabs.Tab>
          ))}
        </Tabs.List>
        {tabs.map(({ id, content: Content }) => (
          <Tabs.Panel key={id} value={id} pt="md">
            <Suspense fallback={<Skeleton height={320} />}>
              <Content card={card} />
            </Suspense>
          </Tabs.Panel>
        ))}
      </Tabs>
      <Text size="xs" c="dimmed" ff="monospace" mt="lg" style={{ overflowWrap: "anywhere" }}>
        key {card.model_key}
        {card.revision ? ` · revision ${card.revision}` : ""} · source {card.source}
      </Text>
    </div>
  );
}
