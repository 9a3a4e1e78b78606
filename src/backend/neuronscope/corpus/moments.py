"""Mean, standard deviation, extremes and firing rate of every unit, over all tokens that count.

A shard's sums do not depend on any other shard; :class:`Total` adds shards up in their order. So the result is the same
to the last bit whoever ran which shard, and when.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

BLOCK = 32
"""Rows that are summed in float32 before float64 takes over. On a processor they stay in its cache for all passes."""
STEEP = 8.0
"""A mean of more standard deviations than this is taken off before squares are summed, or it would cost their digits."""
COLUMNS = ("mean", "square", "min", "max", "fired")
"""Of a shard's table; ``square`` is the sum of squared distances from the mean, ``fired`` the tokens above zero."""


class ShardMoments:
    """Sums over one shard for the units of one address."""

    def __init__(self, units: int, device: torch.device) -> None:
        self.count = 0
        self._pivot: Tensor | None = None
        self._sums = torch.zeros((3, units), dtype=torch.float64, device=device)
        self._low = torch.full((units,), torch.inf, device=device)
        self._high = torch.full((units,), -torch.inf, device=device)

    def update(self, cells: Tensor, counted: Tensor) -> Tensor:
        """Take in the rows ``counted`` (at least one, ascending) of ``cells`` ``[cell, unit]``.

        Gives the maxima of each :data:`BLOCK` of those rows, ``[block, unit]`` float32; NaN where a value was NaN.
        """
        found = self._sum(cells, counted)
        if self.count == 0:
            first, second = found[2] / len(counted), found[3] / len(counted)
            steep = first.square() > STEEP**2 * (second - first.square())
            if bool(steep.any()):
                self._pivot = torch.where(steep, first, 0.0).float()
                found = self._sum(cells, counted)
        highs, low, *sums = found
        self._sums += torch.stack(sums)
        self._low = torch.minimum(self._low, low)
        self._high = torch.maximum(self._high, highs.amax(dim=0))
        self.count += len(counted)
        return highs

    def table(self) -> NDArray[np.float64]:
        """``[unit, column]`` of :data:`COLUMNS`."""
        shift, square, fired = self._sums
        mean = shift / max(1, self.count)
        pivot = 0.0 if self._pivot is None else self._pivot.double()
        columns = (pivot + mean, (square - shift * mean).clamp(min=0), self._low, self._high, fired)
        return torch.stack([column.double().cpu() for column in columns], dim=1).numpy()

    def _sum(self, cells: Tensor, counted: Tensor) -> tuple[Tensor, ...]:
        """Maxima by block; minimum; sums of values, of squares and of values above zero, in float64."""
        blocks = _blocks_on_cpu if cells.device.type == "cpu" else _blocks_at_once
        highs, lows, sums = blocks(cells, counted, self._pivot)
        return (highs, lows.amin(dim=0), *(column.sum(dim=0, dtype=torch.float64) for column in sums))


def _blocks_on_cpu(
    cells: Tensor, counted: Tensor, pivot: Tensor | None
) -> tuple[Tensor, Tensor, tuple[Tensor, Tensor, Tensor]]:
    """Every block is read from memory once: the passes after the first find it in the cache."""
    whole = len(counted) == len(cells)
    plain = cells.dtype == torch.float32
    size = min(BLOCK, len(counted))
    taken = torch.empty((size, cells.shape[1]), dtype=cells.dtype)
    wide = taken if plain else torch.empty((size, cells.shape[1]))
    space = torch.empty((size, cells.shape[1]))
    rows: tuple[list[Tensor], ...] = ([], [], [], [], [])
    for start in range(0, len(counted), size):
        stop = min(start + size, len(counted))
        if whole:
            values = cells[start:stop]
        else:
            values = taken[: stop - start]
            torch.index_select(cells, 0, counted[start:stop], out=values)
        if not plain:
            values = wide[: stop - start].copy_(values)
        scratch = space[: stop - start]
        rows[0].append(values.amax(dim=0))
        rows[1].append(values.amin(dim=0))
        torch.gt(values, 0, out=scratch)
        rows[4].append(scratch.sum(dim=0))
        if pivot is not None:
            values = torch.sub(values, pivot, out=scratch)
        rows[2].append(values.sum(dim=0))
        rows[3].append(torch.mul(values, values, out=scratch).sum(dim=0))
    highs, lows, first, second, fired = (torch.stack(found) for found in rows)
    return highs, lows, (first, second, fired)


def _blocks_at_once(
    cells: Tensor, counted: Tensor, pivot: Tensor | None
) -> tuple[Tensor, Tensor, tuple[Tensor, Tensor, Tensor]]:
    """The same in few large calls: a GPU is slowed by many small ones, and has no use for a block in a cache."""
    values = (cells if len(counted) == len(cells) else cells.index_select(0, counted)).float()
    full = len(values) // BLOCK * BLOCK
    parts = [part for part in (values[:full].reshape(-1, BLOCK, values.shape[1]), values[None, full:]) if part.numel()]
    highs = torch.cat([part.amax(dim=1) for part in parts])
    lows = torch.cat([part.amin(dim=1) for part in parts])
    fired = torch.cat([(part > 0).sum(dim=1, dtype=torch.float32) for part in parts])
    if pivot is not None:
        parts = [part - pivot for part in parts]
    first = torch.cat([part.sum(dim=1) for part in parts])
    second = torch.cat([part.square().sum(dim=1) for part in parts])
    return highs, lows, (first, second, fired)


class Total:
    """Tables of shards, added up in the order in which they come, in float64 (Chan, Golub and LeVeque 1979)."""

    def __init__(self, units: int) -> None:
        self.count = 0
        self._table = np.zeros((units, len(COLUMNS)))
        self._table[:, 2], self._table[:, 3] = np.inf, -np.inf

    def add(self, table: NDArray[np.float64], count: int) -> None:
        """Take in one shard's table over so many tokens."""
        if count == 0:
            return
        mine, both = self._table, self.count + count
        apart = table[:, 0] - mine[:, 0]
        mine[:, 1] += table[:, 1] + apart**2 * (self.count * count / both)
        mine[:, 0] += apart * (count / both)
        np.minimum(mine[:, 2], table[:, 2], out=mine[:, 2])
        np.maximum(mine[:, 3], table[:, 3], out=mine[:, 3])
        mine[:, 4] += table[:, 4]
        self.count = both

    def table(self) -> NDArray[np.float64]:
        """``[unit, column]``: mean, std (the population's), min, max, firing rate (share above zero)."""
        if self.count == 0:
            raise ValueError("no tokens were counted")
        mean, square, low, high, fired = self._table.T
        return np.stack((mean, np.sqrt(square / self.count), low, high, fired / self.count), axis=1)
