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
    """The tokens of one forward pass that count, in corpus order.

    ``flat`` are their places in the ``rows * positions`` grid, ``keys`` their places in the corpus (ascending),
    ``lengths`` the tokens of each row, ``positions`` the width of the grid. All int64 on the model's device.
    """

    flat: Tensor
    keys: Tensor
    lengths: Tensor
    positions: int


class TopK:
    """State for the units of one address: ``values`` ``[unit, k]`` float32 from strong to weak, ``keys`` ``[unit, k]``,
    ``excerpts`` ``[unit, k, WIDTH]`` float32 with the peak in the middle and zeros beyond the window's ends.

    Places not yet filled have the value -inf and the key ``NO_KEY``. NaN never enters.
    """

    def __init__(self, units: int, k: int, device: torch.device) -> None:
        self.k = k
        self.values = torch.full((units, k), -torch.inf, device=device)
        self.keys = torch.full((units, k), NO_KEY, dtype=torch.int64, device=device)
        self.excerpts = torch.zeros((units, k, WIDTH), device=device)

    def update(self, grid: Tensor, counted: Tensor, highest: Tensor, batch: Batch) -> None:
        """Take in one batch.

        ``grid`` ``[rows, positions, unit]`` are all its values, ``counted`` ``[token, unit]`` those of ``batch.flat``,
        ``highest`` ``[unit]`` the maxima of ``counted``.
        """
        # An equal value can still displace one that stands later in the corpus; only then is "equal" worth a look.
        may_tie = self.keys[:, -1] > batch.keys[0]
        floor = self.values[:, -1]
        floor = torch.where(may_tie, floor, torch.nextafter(floor, torch.full_like(floor, torch.inf)))
        reached = (~(highest.float() < floor)).nonzero().squeeze(1)  # NaN hides what stands beside it
        if reached.numel() == 0:
            return
        hot = counted[:, reached] if reached.numel() < counted.shape[1] else counted
        hot = hot.float()
        floor = floor[reached]
        if hot.shape[0] > self.k and bool((self.keys[:, -1] == NO_KEY).any()):
            # While places are free everything survives; the batch's own k-th best thins it out.
            rows = hot.t().contiguous()
            rows = rows.masked_fill(rows.isnan(), -torch.inf)
            floor = torch.maximum(floor, rows.topk(self.k, dim=1, sorted=False).values.amin(dim=1))
        token, column = (hot >= floor).nonzero(as_tuple=True)
        if token.numel() == 0:
            return
        # -0.0 equals 0.0 and must sort as such.
        self._merge(grid, batch, reached[column], token, hot[token, column] + 0.0)

    def _merge(self, grid: Tensor, batch: Batch, unit: Tensor, token: Tensor, value: Tensor) -> None:
        keys = batch.keys[token]
        last_value, last_key = self.values[unit, -1], self.keys[unit, -1]
        better = (value > last_value) | ((value == last_value) & (keys < last_key))
        unit, token, value, keys = unit[better], token[better], value[better], keys[better]
        if unit.numel() == 0:
            return
        # By unit, strongest first, earliest first: stable sorts, since tokens come in corpus order.
        order = value.sort(descending=True, stable=True).indices
        order = order[unit[order].sort(stable=True).indices]
        unit, token, value, keys = unit[order], token[order], value[order], keys[order]
        changed, inverse, count = torch.unique_consecutive(unit, return_inverse=True, return_counts=True)
        rank = torch.arange(len(unit), device=unit.device) - (count.cumsum(0) - count)[inverse]
        kept = rank < self.k
        inverse, rank, token, value, keys = inverse[kept], rank[kept], token[kept], value[kept], keys[kept]

        shape = (len(changed), self.k + int(rank.max()) + 1)
        values = torch.full(shape, -torch.inf, device=value.device)
        places = torch.full(shape, NO_KEY, dtype=torch.int64, device=value.device)
        tokens = torch.full(shape, -1, dtype=torch.int64, device=value.device)
        values[:, : self.k] = self.values[changed]
        places[:, : self.k] = self.keys[changed]
        values[inverse, self.k + rank] = value
        places[inverse, self.k + rank] = keys
        tokens[inverse, self.k + rank] = token
        by_key = places.sort(dim=1, stable=True).indices
        best = values.gather(1, by_key).sort(dim=1, descending=True, stable=True).indices[:, : self.k]
        best = by_key.gather(1, best)

        excerpts = self.excerpts[changed].gather(1, best.clamp(max=self.k - 1)[:, :, None].expand(-1, -1, WIDTH))
        tokens = tokens.gather(1, best)
        row, slot = (tokens >= 0).nonzero(as_tuple=True)
        excerpts[row, slot] = _excerpts(grid, batch, changed[row], tokens[row, slot])
        self.values[changed] = values.gather(1, best)
        self.keys[changed] = places.gather(1, best)
        self.excerpts[changed] = excerpts


def _excerpts(grid: Tensor, batch: Batch, unit: Tensor, token: Tensor) -> Tensor:
    """Values of ``unit`` around each token, ``[peak, WIDTH]``; zeros beyond the ends of its window."""
    flat = batch.flat[token]
    row, position = flat // batch.positions, flat % batch.positions
    around = position[:, None] + torch.arange(-RADIUS, RADIUS + 1, device=flat.device)
    inside = (around >= 0) & (around < batch.lengths[row][:, None])
    values = grid[row[:, None], around.clamp(0, batch.positions - 1), unit[:, None]].float()
    return torch.where(inside, values + 0.0, 0.0)
