import { Tooltip, UnstyledButton } from "@mantine/core";
import { IconSortAscending, IconSortDescending } from "@tabler/icons-react";
import { Link } from "react-router";
import type { NeuronRow } from "@/api/types";
import { TokenChip } from "@/components/TokenChip";
import { useParams, usePatch } from "@/state/address";
import { COLUMNS, type Column, pressHead, readOrder } from "./asked";
import classes from "./Indexes.module.css";

const EVENTS = { hover: true, focus: true, touch: false };

/** The heads, which order the table. */
export function HeadRow() {
  const params = useParams();
  const patch = usePatch();
  const order = readOrder(params);
  return (
    <thead className={classes.head}>
      <tr aria-rowindex={1} className={classes.row}>
        {COLUMNS.map(({ sort, head, about }) => {
          const active = sort === order.sort;
          const Icon = order.descending ? IconSortDescending : IconSortAscending;
          return (
            <th
              key={sort}
              scope="col"
              aria-sort={active ? (order.descending ? "descending" : "ascending") : "none"}
              data-active={active || undefined}
            >
              <Tooltip label={about} multiline maw={280} events={EVENTS}>
                <UnstyledButton className={classes.sort} onClick={() => patch(pressHead(params, sort))}>
                  {head}
                  {active && <Icon size={12} aria-hidden />}
                </UnstyledButton>
              </Tooltip>
            </th>
          );
        })}
      </tr>
    </thead>
  );
}

interface PlaceProps {
  id: string;
  /** From 0, over the whole table. */
  at: number;
  /** Pixels from the top of the list. */
  top: number;
  active: boolean;
}

interface RowProps extends PlaceProps {
  row: NeuronRow;
  href: string;
}

export function Row({ id, at, top, active, row, href }: RowProps) {
  return (
    <tr
      id={id}
      aria-rowindex={at + 2}
      aria-selected={active}
      className={classes.row}
      style={{ transform: `translateY(${top}px)` }}
      data-testid="neuron"
    >
      {COLUMNS.map((column) => (
        <td key={column.sort}>
          {column.show ? column.show(row) : <Drawn column={column} row={row} href={href} />}
        </td>
      ))}
    </tr>
  );
}

function Drawn({ column, row, href }: { column: Column; row: NeuronRow; href: string }) {
  if (column.sort === "top_token")
    return row.top_token === null ? (
      <span className={classes.none}>–</span>
    ) : (
      <TokenChip text={row.top_token} />
    );
  const unit = `${row.point}.${row.layer}:${row.unit}`;
  return (
    <Link to={href} tabIndex={-1} className={classes.unit}>
      {unit}
    </Link>
  );
}

/** Holds the place of a row that is on its way. */
export function RowSkeleton({ id, at, top, active }: PlaceProps) {
  return (
    <tr
      id={id}
      aria-rowindex={at + 2}
      aria-selected={active}
      className={classes.row}
      style={{ transform: `translateY(${top}px)` }}
      data-testid="row-skeleton"
    >
      {COLUMNS.map(({ sort }) => (
        <td key={sort} aria-label="loading">
          <i className={classes.bone} />
        </td>
      ))}
    </tr>
  );
}
