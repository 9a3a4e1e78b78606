"""Columns of a corpus that are read in stretches, so that nothing of them need fit in memory."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

LOT = 1 << 18
"""Rows that are read at once."""


class Column(Protocol):
    """An array, or what :class:`Rows` reads."""

    def __len__(self) -> int: ...
    def __getitem__(self, rows: slice, /) -> NDArray[Any]: ...


class Rows:
    """The rows of an ``.npy`` file of ours. They are read, not mapped: a mapped file's pages stay in the process."""

    def __init__(self, path: Path) -> None:
        self._stream = path.open("rb")
        npy.read_magic(self._stream)
        self._shape, _, self._dtype = npy.read_array_header_1_0(self._stream)
        self._first = self._stream.tell()

    def __len__(self) -> int:
        return int(self._shape[0])

    def __getitem__(self, rows: slice, /) -> NDArray[Any]:
        first, last, _ = rows.indices(len(self))
        size = self._dtype.itemsize * math.prod(self._shape[1:])
        self._stream.seek(self._first + first * size)
        data = self._stream.read(max(0, last - first) * size)
        return np.frombuffer(data, self._dtype).reshape(-1, *self._shape[1:])

    def __enter__(self) -> Rows:
        return self

    def __exit__(self, *failure: object) -> None:
        self._stream.close()


def in_lots(column: Column, size: int = LOT) -> Iterator[NDArray[Any]]:
    """The rows of a column, so many at a time."""
    for first in range(0, len(column), size):
        yield column[first : first + size]


def values_at(column: Column, rows: NDArray[np.int64]) -> NDArray[Any]:
    """What a column holds in ascending rows."""
    found, first = [column[:0]], 0
    for lot in in_lots(column):
        begin, end = np.searchsorted(rows, (first, first + len(lot)))
        found.append(lot[rows[begin:end] - first])
        first += len(lot)
    return np.concatenate(found)


def last_up_to(column: Column, wanted: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """For each of ascending numbers the last row of an ascending column that is not above it, and what that holds.

    The column begins with a number that is above none of them.
    """
    row, value, first = np.zeros_like(wanted), np.zeros_like(wanted), 0
    for lot in in_lots(column):
        begin = int(np.searchsorted(wanted, lot[0]))
        at = np.searchsorted(lot, wanted[begin:], side="right") - 1
        row[begin:], value[begin:] = first + at, lot[at]
        first += len(lot)
    return row, value


def counts_of(ids: Column) -> NDArray[np.int64]:
    """How often each id occurs, up to the largest."""
    found = np.zeros(0, np.int64)
    for lot in in_lots(ids):
        found = added(found, np.bincount(lot))
    return found


def added(one: NDArray[np.int64], other: NDArray[np.int64]) -> NDArray[np.int64]:
    """Two arrays of counts, of different lengths, added up."""
    total = np.zeros(max(len(one), len(other)), np.int64)
    total[: len(one)] += one
    total[: len(other)] += other
    return total
