"""The same as :class:`~neuronscope.corpus.topk.TopK` on a CPU: each record takes the weakest one's place at once."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from neuronscope.corpus import kernels
from neuronscope.corpus.manifest import WIDTH
from neuronscope.corpus.moments import BLOCK
from neuronscope.corpus.topk import NO_KEY, Batch, Hits


class CpuTopK:
    """State for the units of one address. NaN never enters."""

    def __init__(self, units: int, k: int) -> None:
        self.k = k
        self._values = np.full((units, k), -np.inf, np.float32)
        self._keys = np.full((units, k), NO_KEY, np.int64)
        self._excerpts = np.zeros((units, k, WIDTH), np.float32)
        self._fresh = np.full((units, k), -1, np.int32)
        self._worst = np.zeros(units, np.int32)
        self._floor = np.full(units, -np.inf, np.float32)
        self._last = np.full(units, NO_KEY, np.int64)

    def update(self, grid: Tensor, highest: Tensor, batch: Batch) -> None:
        """As :meth:`TopK.update`."""
        cells = grid.reshape(-1, grid.shape[-1]).float().contiguous().numpy()
        counted, keys = batch.counted.numpy(), batch.keys.numpy()
        highs = highest.contiguous().numpy()
        kernels.keep_strongest(
            cells, counted, keys, BLOCK, highs,
            self._values, self._keys, self._fresh, self._worst, self._floor, self._last,
        )  # fmt: skip
        kernels.fill_excerpts(cells, batch.positions, batch.lengths.numpy(), self._fresh, self._excerpts)

    def absorb(self, hits: Hits) -> None:
        """Take in what another state kept. Keys must be new."""
        kernels.absorb_hits(
            hits.unit.numpy(), hits.key.numpy(), hits.value.numpy(), hits.excerpt.numpy(),
            self._values, self._keys, self._excerpts, self._worst, self._floor, self._last,
        )  # fmt: skip

    def ranked(self) -> tuple[Tensor, Tensor, Tensor]:
        """As :meth:`TopK.ranked`."""
        for start in range(0, len(self._values), 1 << 14):
            part = slice(start, start + (1 << 14))
            order = np.lexsort((self._keys[part], -self._values[part]))
            for kept in (self._values, self._keys):
                kept[part] = np.take_along_axis(kept[part], order, axis=1)
            self._excerpts[part] = np.take_along_axis(self._excerpts[part], order[..., None], axis=1)
        self._worst[:] = self.k - 1
        return torch.from_numpy(self._values), torch.from_numpy(self._keys), torch.from_numpy(self._excerpts)

    def between(self, start: int, stop: int) -> Hits:
        """As :meth:`TopK.between`."""
        unit, place = ((self._keys >= start) & (self._keys < stop)).nonzero()
        found = (self._keys[unit, place], self._values[unit, place])
        order = np.lexsort((found[0], -found[1], unit))
        unit, place = unit[order], place[order]
        given = (unit, self._keys[unit, place], self._values[unit, place], self._excerpts[unit, place])
        return Hits(*(torch.from_numpy(array) for array in given))
