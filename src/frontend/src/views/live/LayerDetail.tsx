import { Anchor, Skeleton, Text } from "@mantine/core";
import type { ReactNode } from "react";
import { Link, useLocation } from "react-router";
import { ErrorNote } from "@/components/Notice";
import { formatAddress } from "@/lib/address";
import type { StepEvent } from "@/lib/liveEvents";
import { headsOf, keptUnits, liesBeside, strongest, unitsOf } from "@/lib/payloads";
import { type LightStep, layersOf, type Run } from "@/lib/run";
import { patchSearch } from "@/lib/url";
import { Heads } from "./Heads";
import { useOptions } from "./options";
import classes from "./Scan.module.css";
import { Tiles, tilesOf } from "./Tiles";
import { UnitBars } from "./UnitBars";
import { useWholeStep } from "./useWholeStep";

const SHOWN = 12;

/** One layer at one step: its strongest units at the chosen point, and what its heads attend to. */
export function LayerDetail({ run, step }: { run: Run; step: LightStep }) {
  const { layer, point } = useOptions();
  const { event, error, refetch } = useWholeStep(step.step);
  const address = formatAddress(point, layer);
  const tiles = event ? tryRead(() => tilesOf(event, point, layersOf(run))) : [];
  if (tiles instanceof Error || tiles.length > 0)
    return (
      <div className={classes.detail}>
        <section aria-label={`Tiles of ${point}`} className={classes.wide}>
          <h3>Tiles of {point}</h3>
          {tiles instanceof Error ? <ErrorNote error={tiles} compact /> : <Tiles tiles={tiles} />}
        </section>
        <section aria-label={`Attention of layer ${layer}`}>
          <h3>Attention of layer {layer}</h3>
          {event && <Attention run={run} event={event} layer={layer} />}
        </section>
      </div>
    );
  return (
    <div className={classes.detail}>
      <section aria-label={`Strongest units of ${address}`}>
        <h3>Strongest units of {address}</h3>
        {event ? (
          <Units run={run} event={event} address={address} />
        ) : error ? (
          <ErrorNote error={error} onRetry={refetch} compact />
        ) : (
          <Skeleton height={150} />
        )}
      </section>
      <section aria-label={`Attention of layer ${layer}`}>
        <h3>Attention of layer {layer}</h3>
        {event ? <Attention run={run} event={event} layer={layer} /> : !error && <Skeleton height={150} />}
      </section>
    </div>
  );
}

const entryOf = (event: StepEvent, address: string) => event.entries.find((one) => one.address === address);

/** What a payload holds, or in words why it can't be read: a broken one must not take the view with it. */
function tryRead<Found>(read: () => Found): Found | Error {
  try {
    return read();
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

function Units({ run, event, address }: { run: Run; event: StepEvent; address: string }) {
  const { search } = useLocation();
  const entry = entryOf(event, address);
  if (!entry) return <Missing>The run does not watch {address}.</Missing>;
  const units = tryRead(() => unitsOf(entry));
  if (units instanceof Error) return <ErrorNote error={units} compact />;
  if (entry.payload && liesBeside(entry.payload))
    return (
      <Missing>
        It is kept whole, token by token:{" "}
        <Anchor component={Link} to={`/${patchSearch(search, { step: null })}`} inherit>
          see it in Explore
        </Anchor>
        .
      </Missing>
    );
  if (units === null) return <Missing>{whyNone(run, event, address)}</Missing>;
  const kept = entry.payload && keptUnits(entry.payload);
  const more = kept !== null && kept > SHOWN ? ` The ${kept} strongest are recorded.` : "";
  return (
    <>
      <UnitBars address={address} units={strongest(units, SHOWN)} />
      <p className={classes.note}>
        By size, at the {event.inputs.length > 1 ? "prompt's last token" : "token that was read"}.{more}
      </p>
    </>
  );
}

function whyNone(run: Run, event: StepEvent, address: string): string {
  if (event.dropped?.addresses.includes(address))
    return `Only its statistics are recorded: the step was over its budget of ${event.dropped.limit} bytes.`;
  const { without_tile: without } = run.start?.config ?? {};
  if (typeof without === "object" && without !== null && address in without)
    return `There is no tile of it: ${String(Object.entries(without).find(([name]) => name === address)?.[1])}`;
  return event.phase === "prefill"
    ? "Of the prompt only statistics are recorded here. resid_post keeps its strongest units; or look at a later step."
    : "Only its statistics are recorded.";
}

function Attention({ run, event, layer }: { run: Run; event: StepEvent; layer: number }) {
  const address = formatAddress("attn_weights", layer);
  const entry = entryOf(event, address);
  const heads = entry ? tryRead(() => headsOf(entry)) : null;
  if (heads instanceof Error) return <ErrorNote error={heads} compact />;
  if (heads === null) {
    const reason = run.start?.unavailable[address];
    return (
      <Missing>{reason ? `It can't be read here: ${reason}.` : "It is not recorded at this step."}</Missing>
    );
  }
  return <Heads run={run} heads={heads} />;
}

function Missing({ children }: { children: ReactNode }) {
  return (
    <Text size="sm" c="dimmed">
      {children}
    </Text>
  );
}
