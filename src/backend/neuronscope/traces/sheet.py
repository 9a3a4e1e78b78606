"""The bytes of a step's entries with the places of their numbers: a step with the same entries puts its numbers there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgpack
import numpy as np
from numpy.typing import NDArray

from neuronscope.core.stats import STATS
from neuronscope.traces.packed import array_header, pack_entry_head, rest_of_entry
from neuronscope.traces.tables import EntryTable

I64 = NDArray[np.int64]


@dataclass(frozen=True)
class Places:
    """Where a table's numbers belong: entry ``n`` has its own at ``starts[n]`` plus what is the same for all of them.

    ``stats`` are the places of the seven statistics, eight bytes each with the largest first; ``columns`` those of a
    payload's arrays. ``lengths`` are where the last number of each entry's shape lies, ``digits`` bytes of it.
    """

    starts: I64
    stats: I64
    columns: dict[str, int]
    lengths: I64
    digits: int


class Sheet:
    """Entries of tables in the order of ``names``, packed, with those of ``beside`` more to come behind them.

    ``places`` are in the order of the tables. ``size`` is what the payloads' arrays take.
    """

    def __init__(self, tables: Sequence[EntryTable], names: Sequence[str], beside: int) -> None:
        at = {name: (table, n) for table in tables for n, name in enumerate(table.names)}
        order = [name for name in names if name in at]
        forms = {id(table): rest_of_entry(table) for table in tables}
        found: dict[str, tuple[int, int]] = {}
        parts = [array_header(len(order) + beside)]
        length = len(parts[0])
        for name in order:
            table, n = at[name]
            head, rest = pack_entry_head(name, table.shapes[n]), forms[id(table)][0]
            found[name] = (length + len(head), length + len(head) - _digits(table.shapes[n][-1]))
            parts += [head, rest]
            length += len(head) + len(rest)
        self.data: NDArray[np.uint8] = np.frombuffer(b"".join(parts), np.uint8).copy()
        self.count = len(order)
        self.size = sum(table.payload_size for table in tables)
        self.places = [self._places(table, forms[id(table)][1], found) for table in tables]

    @staticmethod
    def _places(table: EntryTable, holes: list[slice], found: dict[str, tuple[int, int]]) -> Places:
        begins = [hole.start for hole in holes]
        stats = [] if table.stats is None else begins[: len(STATS)]
        starts, lengths = zip(*(found[name] for name in table.names), strict=True)
        return Places(
            np.array(starts, np.int64),
            np.array(stats, np.int64),
            dict(zip(table.columns, begins[len(stats) :], strict=True)),
            np.array(lengths, np.int64),
            _digits(table.shapes[0][-1]),
        )


def packed_size(number: int) -> int:
    """Bytes that MessagePack takes for a number: a small one is its own marker."""
    return len(msgpack.packb(number))


def _digits(number: int) -> int:
    return max(1, packed_size(number) - 1)
