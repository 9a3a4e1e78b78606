"""The exact k strongest values of every unit, kept while batches stream by, in few large calls, as a GPU wants them.

Blocks of a batch are judged by their maxima: only where a maximum reaches a unit's floor are values looked at, and only
survivors are kept, in a row with some room to spare. A full row is cut down to its k best, and that sets a new floor: the
cost of a cut is shared by all the survivors since the last one. A value's *key* says where in the corpus it stands: equal
values are ordered by key.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from neuronscope.corpus.manifest import RADIUS, WIDTH
from neuronscope.corpus.moments import BLOCK

NO_KEY = torch.iinfo(torch.int64).max
DENSE = 4
"""Where more than one in so many values would be looked at one by one, all are compared at once."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Which cells of one forward pass's grid, ``rows * positions``, are tokens that count.

    ``counted`` lists those cells, ``keys`` ``[cell]`` is where in the corpus each stands, ascending over ``counted``, and
    -1 for all others. ``lengths`` are the tokens of each row, ``positions`` is the width of the grid. All int64 on the
    model's device. ``first`` is the smallest key.
    """

    counted: Tensor
    keys: Tensor
    lengths: Tensor
    positions: int
    first: int


@dataclass(frozen=True, slots=True)
class Hits:
    """Strong values, one a row: ``unit`` and ``key`` int64, ``value`` float32, ``excerpt`` ``[hit, WIDTH]`` float32."""

    unit: Tensor
    key: Tensor
    value: Tensor
    excerpt: Tensor


class TopK:
    """State for the units of one address. NaN never enters."""

    def __init__(self, units: int, k: int, device: torch.device) -> None:
        self.k, self.room = k, k + max(1, k // 2)
        self._values = torch.full((units, self.room), -torch.inf, device=device)
        self._keys = torch.full((units, self.room), NO_KEY, dtype=torch.int64, device=device)
        self._excerpts = torch.zeros((units, self.room, WIDTH), device=device)
        self._filled = torch.zeros(units, dtype=torch.int64, device=device)
        # The k-th best at the last cut, and the latest key among its equals.
        self._floor = torch.full((units,), -torch.inf, device=device)
        self._last = torch.full((units,), NO_KEY, dtype=torch.int64, device=device)
        self._settled = False

    def ranked(self) -> tuple[Tensor, Tensor, Tensor]:
        """``values`` ``[unit, k]`` from strong to weak, ``keys`` ``[unit, k]``, ``excerpts`` ``[unit, k, WIDTH]``.

        Places not filled have the value -inf and the key ``NO_KEY``; an excerpt is zero beyond its window's ends.
        """
        every = torch.arange(len(self._values), device=self._values.device)
        for units in every.split(1 << 14):
            self._cut(units)
        return self._values[:, : self.k], self._keys[:, : self.k], self._excerpts[:, : self.k]

    def between(self, start: int, stop: int) -> Hits:
        """What is kept of the keys from ``start`` to before ``stop``."""
        values, keys, excerpts = self.ranked()
        unit, slot = ((keys >= start) & (keys < stop)).nonzero(as_tuple=True)
        return Hits(unit, keys[unit, slot], values[unit, slot], excerpts[unit, slot])

    def update(self, grid: Tensor, highest: Tensor, batch: Batch) -> None:
        """Take in one batch: its values ``[rows, positions, unit]``, and their maxima over blocks of counted cells."""
        cells = grid.reshape(-1, grid.shape[-1])
        cell, unit, value = self._candidates(cells, highest, batch)
        keys = batch.keys[cell]
        better = self._better(unit, value, keys) & (keys >= 0)
        cell, unit, value, keys = cell[better], unit[better], value[better], keys[better]
        if unit.numel():
            self._insert(grid, batch, cell, Hits(unit, keys, value, value[:0]))
        if not self._settled:
            # A row that has just been filled for the first time needs no further survivor to have a floor.
            self._cut(((self._filled >= self.k) & (self._last == NO_KEY)).nonzero().squeeze(1))
            self._settled = bool((self._last != NO_KEY).all())

    def _candidates(self, cells: Tensor, highest: Tensor, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        """Cells, units and values that may be strong enough."""
        # An equal value can still displace one that stands later in the corpus; only then is "equal" worth a look.
        may_tie = self._last > batch.first
        floor = torch.where(may_tie, self._floor, torch.nextafter(self._floor, torch.full_like(self._floor, torch.inf)))
        if bool((self._filled == 0).all()) and len(batch.counted) > self.k:
            # At the start everything survives; the batch's own k-th best thins it out.
            rows = cells.float().index_select(0, batch.counted).t().contiguous()
            rows = rows.masked_fill(rows.isnan(), -torch.inf)
            floor = rows.topk(self.k, dim=1, sorted=False).values.amin(dim=1)
        else:
            block, unit = (~(highest < floor)).nonzero(as_tuple=True)  # NaN hides what stands beside it
            if block.numel() * BLOCK * DENSE < len(batch.counted) * cells.shape[1]:
                return _in_blocks(cells, batch.counted, block, unit, floor)
        cell, unit = (cells >= floor).nonzero(as_tuple=True)
        return cell, unit, cells[cell, unit].float() + 0.0  # -0.0 equals 0.0 and must sort as such

    def _better(self, unit: Tensor, value: Tensor, keys: Tensor) -> Tensor:
        floor = self._floor[unit]
        return (value > floor) | ((value == floor) & (keys < self._last[unit]))

    def _insert(self, grid: Tensor, batch: Batch, cell: Tensor, hits: Hits) -> None:
        order = hits.unit.sort(stable=True).indices
        unit, value, key, cell = hits.unit[order], hits.value[order], hits.key[order], cell[order]
        count = _ranks(unit)[1]
        if int(count.max()) > self.k:
            # More of one unit than could stay: only its k best go on.
            order = key.sort(stable=True).indices
            order = order[value[order].sort(descending=True, stable=True).indices]
            order = order[unit[order].sort(stable=True).indices]
            unit, value, key, cell = unit[order], value[order], key[order], cell[order]
            best = _ranks(unit)[0] < self.k
            unit, value, key, cell = unit[best], value[best], key[best], cell[best]
        self._place(Hits(unit, key, value, _excerpts(grid, batch, unit, cell)))

    def _place(self, hits: Hits) -> None:
        """Write hits, sorted by unit, into the free places of their rows; rows that are too full are cut first."""
        while hits.unit.numel():
            rank = _ranks(hits.unit)[0]
            slot = self._filled[hits.unit] + rank
            fits = slot < self.room
            unit, at = hits.unit[fits], slot[fits]
            self._values[unit, at], self._keys[unit, at] = hits.value[fits], hits.key[fits]
            self._excerpts[unit, at] = hits.excerpt[fits]
            self._filled.index_add_(0, unit, torch.ones_like(unit))
            if bool(fits.all()):
                return
            left = Hits(*(getattr(hits, name)[~fits] for name in Hits.__slots__))
            self._cut(torch.unique_consecutive(left.unit))
            better = self._better(left.unit, left.value, left.key)
            hits = Hits(*(getattr(left, name)[better] for name in Hits.__slots__))

    def _cut(self, units: Tensor) -> None:
        """Bring rows into order, by value and then by key, and drop what is not among the k best."""
        values, keys = self._values[units], self._keys[units]
        order = keys.sort(dim=1, stable=True).indices
        order = order.gather(1, values.gather(1, order).sort(dim=1, descending=True, stable=True).indices)[:, : self.k]
        values, keys = values.gather(1, order), keys.gather(1, order)
        excerpts = self._excerpts[units[:, None], order]
        self._values[units], self._keys[units] = -torch.inf, NO_KEY
        self._values[units, : self.k], self._keys[units, : self.k] = values, keys
        self._excerpts[units, : self.k] = excerpts
        self._filled[units] = self._filled[units].clamp(max=self.k)
        self._floor[units], self._last[units] = values[:, -1], keys[:, -1]


def _in_blocks(
    cells: Tensor, counted: Tensor, block: Tensor, unit: Tensor, floor: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Values that reach the floor in those blocks of those units."""
    steps, width = torch.arange(BLOCK, device=cells.device), cells.shape[1]
    if len(counted) == len(cells):
        place = (block * BLOCK * width + unit)[:, None] + steps * width
        inside = place < cells.numel()
        place.clamp_(max=cells.numel() - 1)
    else:
        at = block[:, None] * BLOCK + steps
        inside = at < len(counted)
        place = counted[at.clamp_(max=len(counted) - 1)] * width + unit[:, None]
    values = cells.reshape(-1).take(place).float()
    pair, row = ((values >= floor[unit][:, None]) & inside).nonzero(as_tuple=True)
    return counted[block[pair] * BLOCK + row], unit[pair], values[pair, row] + 0.0


def _ranks(unit: Tensor) -> tuple[Tensor, Tensor]:
    """Of sorted units: how many equal ones stand before each, and how often each occurs."""
    _, inverse, count = torch.unique_consecutive(unit, return_inverse=True, return_counts=True)
    return torch.arange(len(unit), device=unit.device) - (count.cumsum(0) - count)[inverse], count


def _excerpts(grid: Tensor, batch: Batch, unit: Tensor, cell: Tensor) -> Tensor:
    """Values of ``unit`` around each cell, ``[peak, WIDTH]``; zeros beyond the ends of its window."""
    row, position = cell // batch.positions, (cell % batch.positions)[:, None]
    steps, width = torch.arange(-RADIUS, RADIUS + 1, device=cell.device), grid.shape[-1]
    # A window's positions lie one grid row apart: one flat index finds them all.
    place = ((cell * width + unit)[:, None] + steps * width).clamp_(0, grid.numel() - 1)
    values = grid.reshape(-1).take(place).float()
    beyond = (steps < -position) | (steps >= batch.lengths[row][:, None] - position)
    return values.masked_fill_(beyond, 0.0).add_(0.0)
