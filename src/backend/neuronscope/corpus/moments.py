"""Running mean, standard deviation, extremes and firing rate of every unit, over all tokens that count."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

CACHE_BYTES = 1 << 20


class Moments:
    """Sums for the units of one address.

    Stretches of a batch are summed in float32 around a pivot (the first batch's mean, so that a large mean costs no
    digits) and added up in float64.
    """

    def __init__(self, units: int, device: torch.device) -> None:
        self.count = 0
        self._pivot: Tensor | None = None
        self._sums = torch.zeros((3, units), dtype=torch.float64, device=device)
        self._low = torch.full((units,), torch.inf, device=device)
        self._high = torch.full((units,), -torch.inf, device=device)
        # Five passes over a stretch that stays in a processor's cache cost a third of five over a whole batch. A GPU has
        # no use for that, and is slowed by many small calls.
        self._stretch = max(1, CACHE_BYTES // (4 * units)) if device.type == "cpu" else None

    def update(self, cells: Tensor, counted: Tensor) -> Tensor:
        """Take in the rows ``counted`` (at least one) of ``cells`` ``[cell, unit]``; their maxima ``[unit]``, float32."""
        if self._pivot is None:
            self._pivot = cells.index_select(0, counted).mean(dim=0, dtype=torch.float32)
        sums, lows, highs = [], [], []
        size = min(self._stretch or len(counted), len(counted))
        # One space for all stretches, so that it stays in the cache too.
        taken = torch.empty((size, cells.shape[1]), dtype=cells.dtype, device=cells.device)
        space = torch.empty((size, cells.shape[1]), dtype=torch.float32, device=cells.device)
        for chosen in counted.split(size):
            values, scratch = taken[: len(chosen)], space[: len(chosen)]
            torch.index_select(cells, 0, chosen, out=values)
            lows.append(values.amin(dim=0))
            highs.append(values.amax(dim=0))
            torch.sub(values, self._pivot, out=scratch)
            first = scratch.sum(dim=0)
            second = scratch.square_().sum(dim=0)
            sums.append(torch.stack((first, second, torch.gt(values, 0, out=scratch).sum(dim=0))))
        self._sums += torch.stack(sums).sum(dim=0, dtype=torch.float64)
        highest = torch.stack(highs).amax(dim=0).float()
        self._low = torch.minimum(self._low, torch.stack(lows).amin(dim=0).float())
        self._high = torch.maximum(self._high, highest)
        self.count += len(counted)
        return highest

    def table(self) -> NDArray[np.float64]:
        """``[unit, column]``: mean, std (the population's), min, max, firing rate (share above zero)."""
        if self._pivot is None:
            raise ValueError("no tokens were counted")
        shift, square, fired = self._sums / self.count
        deviation = (square - shift.square()).clamp(min=0).sqrt()
        columns = (self._pivot.double() + shift, deviation, self._low, self._high, fired)
        return torch.stack([column.double().cpu() for column in columns], dim=1).numpy()
