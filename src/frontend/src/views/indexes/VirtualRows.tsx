import { useDebouncedValue } from "@mantine/hooks";
import { useVirtualizer } from "@tanstack/react-virtual";
import { type KeyboardEvent, useId, useRef, useState } from "react";
import { useNavigate } from "react-router";
import { PAGE, useTablePages } from "@/api/queries/neuronTable";
import type { NeuronRow, NeuronTableAsked } from "@/api/types";
import { ErrorNote } from "@/components/Notice";
import { formatUnit } from "@/lib/address";
import { useNeuronHref } from "@/state/address";
import { COLUMNS } from "./asked";
import classes from "./Indexes.module.css";
import { HeadRow, Row, RowSkeleton } from "./Rows";
import { moveTo, pagesOf } from "./scrolled";

export const ROW_PX = 30;
const HEAD_PX = 30;
const SETTLE_MS = 60;

interface VirtualRowsProps {
  asked: NeuronTableAsked;
  /** Rows of the first page; null until they are there. */
  first: readonly NeuronRow[] | null;
  count: number;
  /** Whether `first` still belongs to the order or filter before. */
  stale: boolean;
}

export const unitOf = (row: NeuronRow) => formatUnit({ point: row.point, layer: row.layer, index: row.unit });

/** The rows that are in view, of any number of them. Arrows, Page, Home and End move; Enter opens. */
export function VirtualRows({ asked, first, count, stale }: VirtualRowsProps) {
  const box = useRef<HTMLTableElement>(null);
  const [active, setActive] = useState<number | null>(null);
  const navigate = useNavigate();
  const href = useNeuronHref();
  const id = useId();
  const rows = useVirtualizer({
    count,
    getScrollElement: () => box.current,
    estimateSize: () => ROW_PX,
    overscan: 8,
    scrollPaddingStart: HEAD_PX,
    // The page never needs a row drawn before the frame that the browser scrolls in.
    useFlushSync: false,
  });
  const inView = rows.getVirtualItems();
  // A fling past thousands of rows asks for those where it comes to rest.
  const [settled] = useDebouncedValue(
    pagesOf(inView[0]?.index ?? 0, inView.at(-1)?.index ?? 0).join(","),
    SETTLE_MS,
  );
  const pages = stale || first === null ? [] : settled.split(",").map(Number);
  const answers = useTablePages(
    asked,
    pages.filter((page) => page > 0),
  );
  const failed = answers.find((answer) => answer.error);
  const fetched = new Map(
    pages.filter((page) => page > 0).map((page, at) => [page, answers[at]?.data?.neurons]),
  );
  const rowAt = (at: number): NeuronRow | undefined => {
    const page = Math.floor(at / PAGE);
    return page === 0 ? first?.[at] : fetched.get(page)?.[at % PAGE];
  };

  const press = (event: KeyboardEvent<HTMLTableElement>) => {
    if (event.target !== box.current || event.metaKey || event.ctrlKey || event.altKey) return;
    const row = active === null ? undefined : rowAt(active);
    if (event.key === "Enter" && row) navigate(href(unitOf(row)));
    const visible = Math.max(1, Math.floor(box.current.clientHeight / ROW_PX) - 2);
    const to = moveTo(event.key, active, count, visible);
    if (to === null) return;
    event.preventDefault();
    setActive(to);
    rows.scrollToIndex(to);
  };

  const drawn = inView.some((item) => item.index === active);
  return (
    <>
      <table
        ref={box}
        className={classes.grid}
        // biome-ignore lint/a11y/noNoninteractiveElementToInteractiveRole: the ARIA grid pattern, whose arrows move among rows
        role="grid"
        aria-label="Units"
        aria-rowcount={count + 1}
        aria-colcount={COLUMNS.length}
        aria-busy={first === null || stale}
        aria-activedescendant={active !== null && drawn ? `${id}-${active}` : undefined}
        tabIndex={0}
        onKeyDown={press}
        data-testid="neurons"
      >
        <HeadRow />
        <tbody className={classes.body} style={{ height: rows.getTotalSize(), opacity: stale ? 0.6 : 1 }}>
          {inView.map((item) => {
            const row = rowAt(item.index);
            const place = {
              id: `${id}-${item.index}`,
              at: item.index,
              top: item.start,
              active: item.index === active,
            };
            return row ? (
              <Row key={item.key} {...place} row={row} href={href(unitOf(row))} />
            ) : (
              <RowSkeleton key={item.key} {...place} />
            );
          })}
        </tbody>
      </table>
      {failed && <ErrorNote error={failed.error} onRetry={() => failed.refetch()} compact />}
    </>
  );
}
