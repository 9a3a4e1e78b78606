"""Running mean, standard deviation, extremes and firing rate of every unit, over all tokens that count."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


class Moments:
    """Sums for the units of one address.

    Batches are summed in float32 around a pivot (the first batch's mean, so that a large mean costs no digits) and
    added up in float64.
    """

    def __init__(self, units: int, device: torch.device) -> None:
        self.count = 0
        self._pivot: Tensor | None = None
        self._sum = torch.zeros(units, dtype=torch.float64, device=device)
        self._squares = torch.zeros_like(self._sum)
        self._fired = torch.zeros(units, dtype=torch.int64, device=device)
        self._low = torch.full((units,), torch.inf, device=device)
        self._high = torch.full((units,), -torch.inf, device=device)
        self._scratch: Tensor | None = None

    def update(self, counted: Tensor, highest: Tensor) -> None:
        """Take in ``counted`` ``[token, unit]``, at least one token, whose maxima are ``highest`` ``[unit]``."""
        if self._pivot is None:
            self._pivot = counted.mean(dim=0, dtype=torch.float32)
        scratch = self._space(counted)
        torch.sub(counted, self._pivot, out=scratch)
        self._sum += scratch.sum(dim=0)
        self._squares += scratch.square_().sum(dim=0)
        self._fired += torch.gt(counted, 0, out=scratch).sum(dim=0).long()
        self._low = torch.minimum(self._low, counted.amin(dim=0).float())
        self._high = torch.maximum(self._high, highest.float())
        self.count += counted.shape[0]

    def table(self) -> NDArray[np.float64]:
        """``[unit, column]``: mean, std (the population's), min, max, firing rate (share above zero)."""
        if self._pivot is None:
            raise ValueError("no tokens were counted")
        shift = self._sum / self.count
        variance = (self._squares / self.count - shift.square()).clamp(min=0)
        columns = (
            self._pivot.double() + shift,
            variance.sqrt(),
            self._low,
            self._high,
            self._fired.double() / self.count,
        )
        return torch.stack([column.double().cpu() for column in columns], dim=1).numpy()

    def _space(self, like: Tensor) -> Tensor:
        # One buffer for all batches: a fresh one of this size costs more in page faults than the arithmetic in it.
        if self._scratch is None or self._scratch.shape[0] < like.shape[0]:
            self._scratch = torch.empty(like.shape, dtype=torch.float32, device=like.device)
        return self._scratch[: like.shape[0]]
