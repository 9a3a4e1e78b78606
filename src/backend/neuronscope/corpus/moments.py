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
"""Rows that are summed in float32 before float64 takes over."""
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
        if cells.device.type == "cpu":
            return _sums_on_cpu(cells, counted, self._pivot)
        highs, lows, sums = _blocks_at_once(cells, counted, self._pivot)
        return (highs, lows.amin(dim=0), *(column.sum(dim=0, dtype=torch.float64) for column in sums))


def _sums_on_cpu(cells: Tensor, counted: Tensor, pivot: Tensor | None) -> tuple[Tensor, ...]:
    """Every value is read from memory once."""
    from neuronscope.corpus.kernels import sum_blocks

    units = cells.shape[1]
    highs = np.empty((-(-len(counted) // BLOCK), units), np.float32)
    low = np.full(units, np.inf, np.float32)
    first, second, fired = (np.zeros(units) for _ in range(3))
    taken = np.zeros(units, np.float32) if pivot is None else pivot.numpy()
    values = cells.float().contiguous().numpy()
    sum_blocks(values, counted.numpy(), taken, BLOCK, highs, low, first, second, fired)
    return tuple(torch.from_numpy(array) for array in (highs, low, first, second, fired))


def _blocks_at_once(
    cells: Tensor, counted: Tensor, pivot: Tensor | None
) -> tuple[Tensor, Tensor, tuple[Tensor, Tensor, Tensor]]:
    """In few large calls: a GPU is slowed by many small ones."""
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
