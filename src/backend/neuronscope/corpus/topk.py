"""The exact k strongest values of every unit, kept while batches stream by.

A batch's maximum is compared with each unit's k-th best so far; only units that it reaches are looked at, and only
their survivors are merged. A value's *key* says where in the corpus it stands: equal values are ordered by key.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from neuronscope.corpus.manifest import RADIUS, WIDTH

NO_KEY = torch.iinfo(torch.int64).max


@dataclass(frozen=True, slots=True)
class Batch:
    """Which cells of one forward pass's grid, ``rows * positions``, are tokens that count.

    ``counted`` lists those cells, ``keys`` ``[cell]`` is where in the corpus each stands, ascending over ``counted``, and
    -1 for all others. ``lengths`` are the tokens of each row, ``positions`` is the width of the grid. All int64 on the
    model's device.
    """

    counted: Tensor
    keys: Tensor
    lengths: Tensor
    positions: int


class TopK:
    """State for the units of one address: ``values`` ``[unit, k]`` float32 from strong to weak, ``keys`` ``[unit, k]``.

    Places not yet filled have the value -inf and the key ``NO_KEY``. NaN never enters.
    """

    def __init__(self, units: int, k: int, device: torch.device) -> None:
        self.k = k
        self.values = torch.full((units, k), -torch.inf, device=device)
        self.keys = torch.full((units, k), NO_KEY, dtype=torch.int64, device=device)
        self._excerpts = torch.zeros((units, k, WIDTH), device=device)
        self._slots = torch.arange(k, device=device).repeat(units, 1)

    def excerpts(self) -> Tensor:
        """``[unit, k, WIDTH]`` float32: the values around each kept one, zeros beyond its window's ends."""
        return self._excerpts.gather(1, self._slots[:, :, None].expand(-1, -1, WIDTH))

    def update(self, grid: Tensor, highest: Tensor, batch: Batch) -> None:
        """Take in one batch: all its values ``[rows, positions, unit]``, and each unit's maximum over its tokens."""
        # An equal value can still displace one that stands later in the corpus; only then is "equal" worth a look.
        may_tie = self.keys[:, -1] > batch.keys[batch.counted[0]]
        floor = self.values[:, -1]
        floor = torch.where(may_tie, floor, torch.nextafter(floor, torch.full_like(floor, torch.inf)))
        reached = (~(highest.float() < floor)).nonzero().squeeze(1)  # NaN hides what stands beside it
        if reached.numel() == 0:
            return
        cells = grid.reshape(-1, grid.shape[-1])
        hot = (cells.index_select(1, reached) if reached.numel() < cells.shape[1] else cells).float()
        floor = floor[reached]
        if len(batch.counted) > self.k and bool((self.keys[:, -1] == NO_KEY).any()):
            # While places are free everything survives; the batch's own k-th best thins it out.
            rows = hot.index_select(0, batch.counted).t().contiguous()
            rows = rows.masked_fill(rows.isnan(), -torch.inf)
            floor = torch.maximum(floor, rows.topk(self.k, dim=1, sorted=False).values.amin(dim=1))
        cell, column = (hot >= floor).nonzero(as_tuple=True)
        # -0.0 equals 0.0 and must sort as such.
        self._merge(grid, batch, reached[column], cell, hot[cell, column] + 0.0)

    def _merge(self, grid: Tensor, batch: Batch, unit: Tensor, cell: Tensor, value: Tensor) -> None:
        """Merge survivors, one ``value`` of a ``unit`` at a ``cell`` each, in order of their cells."""
        keys = batch.keys[cell]
        last_value, last_key = self.values[unit, -1], self.keys[unit, -1]
        better = (keys >= 0) & ((value > last_value) | ((value == last_value) & (keys < last_key)))
        unit, cell, value, keys = unit[better], cell[better], value[better], keys[better]
        if unit.numel() == 0:
            return
        # By unit, strongest first, earliest first: stable sorts, since cells come in corpus order.
        order = value.sort(descending=True, stable=True).indices
        order = order[unit[order].sort(stable=True).indices]
        unit, cell, value, keys = unit[order], cell[order], value[order], keys[order]
        changed, inverse, count = torch.unique_consecutive(unit, return_inverse=True, return_counts=True)
        rank = torch.arange(len(unit), device=unit.device) - (count.cumsum(0) - count)[inverse]
        kept = rank < self.k
        inverse, rank, cell, value, keys = inverse[kept], rank[kept], cell[kept], value[kept], keys[kept]

        more = int(rank.max()) + 1
        values = torch.full((len(changed), self.k + more), -torch.inf, device=value.device)
        places = torch.full_like(values, NO_KEY, dtype=torch.int64)
        cells = torch.full((len(changed), more), -1, dtype=torch.int64, device=value.device)
        values[:, : self.k] = self.values[changed]
        places[:, : self.k] = self.keys[changed]
        values[inverse, self.k + rank] = value
        places[inverse, self.k + rank] = keys
        cells[inverse, rank] = cell
        best = _order(values, places)[:, : self.k]

        # Excerpts stay where they lie: the new ones go where those lay that drop out, as many in each row.
        old_slots = self._slots[changed]
        stays = torch.zeros_like(places, dtype=torch.bool).scatter_(1, best, True)[:, : self.k]
        freed = old_slots[~stays]
        slots = old_slots.gather(1, best.clamp(max=self.k - 1))
        row, column = (best >= self.k).nonzero(as_tuple=True)
        slots[row, column] = freed
        new_cells = cells[row, best[row, column] - self.k]
        self._excerpts[changed[row], freed] = _excerpts(grid, batch, changed[row], new_cells)
        self._slots[changed] = slots
        self.values[changed] = values.gather(1, best)
        self.keys[changed] = places.gather(1, best)


def _order(values: Tensor, keys: Tensor) -> Tensor:
    """Per row, the order by value, descending, then by key. What is old in a row, and what is new, is so ordered already."""
    found = values.sort(dim=1, descending=True, stable=True)
    after = keys.gather(1, found.indices)
    tied = (found.values[:, 1:] == found.values[:, :-1]) & (after[:, 1:] < after[:, :-1])
    if not bool(tied.any()):
        return found.indices
    by_key = keys.sort(dim=1, stable=True).indices
    return by_key.gather(1, values.gather(1, by_key).sort(dim=1, descending=True, stable=True).indices)


def _excerpts(grid: Tensor, batch: Batch, unit: Tensor, cell: Tensor) -> Tensor:
    """Values of ``unit`` around each cell, ``[peak, WIDTH]``; zeros beyond the ends of its window."""
    row, position = cell // batch.positions, cell % batch.positions
    around = position[:, None] + torch.arange(-RADIUS, RADIUS + 1, device=cell.device)
    inside = (around >= 0) & (around < batch.lengths[row][:, None])
    values = grid[row[:, None], around.clamp(0, batch.positions - 1), unit[:, None]].float()
    return torch.where(inside, values + 0.0, 0.0)
