"""The table of all neurons of an index: one row each, sorted, filtered and searched in milliseconds, written as a file."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from neuronscope.core.address import Address
from neuronscope.core.errors import BadAddress, BadRequest
from neuronscope.corpus.parquet import need

if TYPE_CHECKING:
    from neuronscope.corpus.opened import Opened

ROWS = 1 << 14
"""Rows that are written at a time."""
RISKY = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True, slots=True)
class NeuronRow:
    """One unit. ``kurtosis`` is the excess over a normal distribution's, over the histogram's sample, ``None`` where that
    is too small or nothing varies; ``top_token`` is what its strongest context peaks on, ``None`` where it has none.
    """

    point: str
    layer: int
    unit: int
    firing_rate: float
    max: float
    mean: float
    std: float
    min: float
    kurtosis: float | None
    top_token: str | None


COLUMNS = tuple(row.name for row in fields(NeuronRow))


class NeuronTable:
    """Rows of all units, in columns that are computed once and orders that are kept. Threads may share it."""

    def __init__(self, index: Opened) -> None:
        m = index.manifest
        addresses = [Address.parse(text) for text in m.addresses]
        self._points = m.points
        self._columns: dict[str, NDArray[Any]] = {
            "point": np.repeat([m.points.index(address.point) for address in addresses], m.units),
            "layer": np.repeat([address.layer for address in addresses], m.units),
            "unit": np.concatenate([np.arange(count) for count in m.units]),
            **dict(zip(("mean", "std", "min", "max", "firing_rate"), index.moments.T, strict=True)),
            "kurtosis": index.kurtosis,
        }
        texts = {token_id: text for token_id, (text, _) in index.vocabulary.items() if token_id < m.vocabulary}
        self._texts = [texts.get(number, "") for number in range(m.vocabulary)]
        # Of each unit the token, and for each token its place in the order of the alphabet.
        self._token = index.top_tokens
        self._folded = [text.casefold() for text in self._texts]
        alphabet = np.empty(m.vocabulary + 1, np.int64)
        alphabet[sorted(range(m.vocabulary), key=lambda i: (self._folded[i], self._texts[i]))] = np.arange(m.vocabulary)
        alphabet[-1] = m.vocabulary
        self._columns["top_token"] = alphabet[self._token]
        self._orders: dict[tuple[str, bool], NDArray[np.int64]] = {}

    def choose(
        self,
        *,
        sort: str = "max",
        descending: bool = True,
        point: str | None = None,
        layers: Sequence[int] | None = None,
        search: str = "",
        least: dict[str, float] | None = None,
        most: dict[str, float] | None = None,
    ) -> NDArray[np.int64]:
        """Numbers of the rows that fit, in order; equal ones, and those without a value, in order of point, layer and unit.

        ``search`` is looked for in the top token, whatever its case; ``least`` and ``most`` bound columns by name, both
        included. Raises :class:`BadRequest` for an unknown column, :class:`BadAddress` for a point that isn't held.
        """
        order = self._order(sort, descending)
        keep = np.ones(len(order), np.bool_)
        if point is not None:
            if point not in self._points:
                raise BadAddress(f"The index does not hold {point[:40]}.", f"It holds {', '.join(self._points)}.")
            keep &= self._columns["point"] == self._points.index(point)
        if layers is not None:
            keep &= np.isin(self._columns["layer"], list(layers))
        if search:
            wanted = search.casefold()
            keep &= np.array([*(wanted in text for text in self._folded), False])[self._token]
        for name, value in (least or {}).items():
            keep &= self._column(name) >= value
        for name, value in (most or {}).items():
            keep &= self._column(name) <= value
        found: NDArray[np.int64] = order if keep.all() else order[keep[order]]
        return found

    def rows(self, numbers: NDArray[np.int64]) -> list[NeuronRow]:
        """Those rows."""
        columns = {name: self._columns[name][numbers].tolist() for name in COLUMNS[:-1]}
        columns["point"] = [self._points[number] for number in columns["point"]]
        columns["kurtosis"] = [None if np.isnan(value) else value for value in columns["kurtosis"]]
        columns["top_token"] = [None if token < 0 else self._texts[token] for token in self._token[numbers].tolist()]
        return [NeuronRow(**dict(zip(COLUMNS, row, strict=True))) for row in zip(*columns.values(), strict=True)]

    def csv(self, numbers: NDArray[np.int64]) -> Iterator[bytes]:
        """Those rows as CSV in UTF-8, in pieces. A token that a spreadsheet would take for a formula gets a ' in front."""
        for start in range(-ROWS, len(numbers), ROWS):
            text = io.StringIO()
            writer = csv.writer(text, lineterminator="\n")
            if start < 0:
                writer.writerow(COLUMNS)
            for row in self.rows(numbers[max(0, start) : max(0, start + ROWS)]):
                *cells, token = asdict(row).values()
                writer.writerow((*cells, f"'{token}" if token and token.startswith(RISKY) else token))
            yield text.getvalue().encode()

    def parquet(self, numbers: NDArray[np.int64]) -> bytes:
        """Those rows as a Parquet file. Raises :class:`BadRequest` where pyarrow is not installed."""
        need("pyarrow", "parquet", "Writing Parquet")
        import pyarrow as arrow
        from pyarrow.parquet import ParquetWriter

        kinds = {int: arrow.int64(), float: arrow.float64(), str: arrow.string()}
        of = {"point": str, "layer": int, "unit": int, "top_token": str}
        schema = arrow.schema([(name, kinds[of.get(name, float)]) for name in COLUMNS])
        sink = io.BytesIO()
        with ParquetWriter(sink, schema) as writer:
            for start in range(0, len(numbers), ROWS):
                rows = [asdict(row) for row in self.rows(numbers[start : start + ROWS])]
                writer.write_table(arrow.Table.from_pylist(rows, schema=schema))
        return sink.getvalue()

    def _column(self, name: str) -> NDArray[Any]:
        if name not in self._columns:
            raise BadRequest(f"The table has no column '{name[:40]}'.", f"It has {', '.join(COLUMNS)}.")
        return self._columns[name]

    def _order(self, sort: str, descending: bool) -> NDArray[np.int64]:
        found = self._orders.get((sort, descending))
        if found is None:
            column = self._column(sort).astype(np.float64)
            if sort == "top_token":
                column[self._token < 0] = np.nan
            # NaN sorts last whichever way.
            found = np.argsort(-column if descending else column, kind="stable")
            self._orders[sort, descending] = found
        return found
