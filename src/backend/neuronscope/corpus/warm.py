"""Compiling the loops of a build before a first one waits for them."""

from __future__ import annotations

import torch

from neuronscope.corpus.histogram import ShardSpread
from neuronscope.corpus.moments import ShardMoments
from neuronscope.corpus.topk import Batch, Hits
from neuronscope.corpus.topk_cpu import CpuTopK


def prepare() -> None:
    """Take in one value as a build does: compiles its loops, or reads them from where they were kept."""
    cpu, cell, grid = torch.device("cpu"), torch.zeros(1, dtype=torch.int64), torch.zeros((1, 1, 1))
    top = CpuTopK(1, 1)
    top.update(grid, ShardMoments(1, cpu).update(grid[0], cell), Batch(cell, cell, cell + 1, 1, 0))
    top.absorb(Hits(*(getattr(top.between(0, 1), name) for name in Hits.__slots__)))
    ShardSpread(1, cpu).update(grid[0])
