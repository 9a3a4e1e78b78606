"""Entries as tables: those of one kind have all in common but their numbers, so that each number is a column of arrays."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neuronscope.core.events import Entry
from neuronscope.traces.payloads import F32, encode_rows, halves_by_numpy, split_bytes

STATS_BYTES = 28
"""Seven float32 numbers."""


@dataclass(slots=True)
class EntryTable:
    """Entries ``names`` of ``shapes``; the first is row ``rows[0]`` of the columns, and so on.

    ``stats [row, 7]`` are in the order of ``core.stats.STATS``. A payload is ``common`` and, of each of ``columns``, the bytes of
    its row; ``None`` where there is none.
    """

    names: Sequence[str]
    shapes: Sequence[tuple[int, ...]]
    rows: Sequence[int]
    stats: NDArray[np.float32] | None = None
    common: dict[str, Any] | None = None
    columns: dict[str, NDArray[Any]] = field(default_factory=dict)

    @property
    def payload_size(self) -> int:
        """Bytes that the arrays of the entries' payloads take."""
        each: int = sum([column[0].nbytes for column in self.columns.values()])
        return len(self.names) * each

    @property
    def size(self) -> int:
        """Bytes that the entries count for in a step's budget."""
        return self.payload_size + (0 if self.stats is None else len(self.names) * STATS_BYTES)

    def part(self, chosen: Sequence[int]) -> EntryTable:
        """The ``chosen`` of its entries, over the same columns."""
        names, shapes, rows = ([every[n] for n in chosen] for every in (self.names, self.shapes, self.rows))
        return replace(self, names=names, shapes=shapes, rows=rows)  # type: ignore[arg-type]  # of three types

    def entries(self) -> Iterator[Entry]:
        """The entries one by one."""
        stats = [] if self.stats is None else [stats_map(*row) for row in self.stats.tolist()]
        parts = {name: split_bytes(column) for name, column in self.columns.items()}
        for name, shape, row in zip(self.names, self.shapes, self.rows, strict=True):
            payload = None if self.common is None else {**self.common, **{key: parts[key][row] for key in parts}}
            yield Entry(name, shape, stats[row] if stats else {}, payload)


def stats_map(
    mean: float, std: float, low: float, high: float, l2: float, sparsity: float, p99: float
) -> dict[str, float]:
    """Statistics by their names: a literal, since there is one for each tensor of each step."""
    return {"mean": mean, "std": std, "min": low, "max": high, "l2": l2, "sparsity": sparsity, "p99": p99}


def with_values(
    table: EntryTable,
    values: F32,
    quantization: str,
    halve: Callable[[F32], NDArray[np.float16]] = halves_by_numpy,
) -> list[EntryTable]:
    """The table with ``values [row, …]`` as payloads are kept, ahead of its other columns.

    In two tables where rows hold what the quantization can't.
    """
    found: list[EntryTable] = []
    for kept, dtype, encoded in encode_rows(values, quantization, halve):
        common = {**(table.common or {}), "dtype": dtype}
        if kept is None:
            columns = {**encoded, **table.columns}
            found.append(EntryTable(table.names, table.shapes, table.rows, table.stats, common, columns))
            continue
        place = {int(row): n for n, row in enumerate(kept)}
        mine = [n for n, row in enumerate(table.rows) if row in place]
        found.append(
            EntryTable(
                [table.names[n] for n in mine],
                [table.shapes[n] for n in mine],
                [place[table.rows[n]] for n in mine],
                None if table.stats is None else table.stats[kept],
                common,
                {**encoded, **{name: column[kept] for name, column in table.columns.items()}},
            )
        )
    return found


def by_shape(table: EntryTable) -> list[EntryTable]:
    """The entries of each shape as a table of their own, over the same columns."""
    found: list[EntryTable] = []
    for shape in dict.fromkeys(table.shapes):
        found.append(table.part([n for n, one in enumerate(table.shapes) if one == shape]))
    return found


def in_order(entries: Iterable[Entry], names: Sequence[str]) -> list[Entry]:
    """Entries in the order of the names; names that have none are passed over."""
    made = {entry.address: entry for entry in entries}
    return [found for name in names if (found := made.get(name)) is not None]
