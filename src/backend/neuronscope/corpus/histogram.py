"""Counting a histogram of every unit, in the bins of :mod:`neuronscope.corpus.bins`."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from neuronscope.corpus.bins import BINS, FIRST, POWERS, SHIFT, SIDE


class ShardSpread:
    """Counts ``[unit, bin]`` and sums of powers ``[unit, power]`` of the sampled tokens of one shard."""

    def __init__(self, units: int, device: torch.device) -> None:
        self._counts = torch.zeros((units, BINS), dtype=torch.int32, device=device)
        self._powers = torch.zeros((POWERS, units), dtype=torch.float64, device=device)

    def update(self, values: Tensor) -> None:
        """Take in rows of values, float32 ``[token, unit]``."""
        values = values.contiguous()
        if values.device.type == "cpu":
            from neuronscope.corpus.kernels import spread_rows

            rows = values.numpy()
            spread_rows(rows, rows.view(np.uint32), self._counts.numpy(), self._powers.numpy())
            return
        spread_at_once(values, self._counts, self._powers)

    def counts(self) -> NDArray[np.int32]:
        """``[unit, bin]``."""
        return self._counts.cpu().numpy()

    def powers(self) -> NDArray[np.float64]:
        """Sums of x, x², x³ and x⁴, ``[unit, power]``."""
        return np.ascontiguousarray(self._powers.t().cpu().numpy())


def spread_at_once(values: Tensor, counts: Tensor, powers: Tensor) -> None:
    """What ``kernels.spread_rows`` does, in few large calls, as a GPU wants them."""
    bits = values.view(torch.int32)
    size = ((bits & 0x7FFFFFFF) >> SHIFT).sub_(FIRST - 1).clamp_(0, SIDE)
    first = torch.arange(values.shape[1], device=values.device) * BINS + SIDE
    place = torch.where(bits < 0, -size, size) + first
    counts.view(-1).index_add_(0, place.reshape(-1), torch.ones_like(size).reshape(-1))
    wide = values.double()
    power = wide.clone()
    for row in powers[:-1]:
        row += power.sum(dim=0)
        power *= wide
    powers[-1] += power.sum(dim=0)
