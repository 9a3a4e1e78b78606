"""Sums of a shard, by the loops of a CPU and by the calls of a GPU, against float64 over all values."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from neuronscope.corpus.moments import BLOCK, ShardMoments, _blocks_at_once, _sums_on_cpu

RANDOM = np.random.default_rng(3)


def _at_once(cells: Tensor, counted: Tensor, pivot: Tensor | None) -> tuple[Tensor, ...]:
    highs, lows, sums = _blocks_at_once(cells, counted, pivot)
    return (highs, lows.amin(dim=0), *(column.sum(dim=0, dtype=torch.float64) for column in sums))


@pytest.mark.parametrize("way", [_sums_on_cpu, _at_once])
@pytest.mark.parametrize("count", [1, 3, BLOCK, BLOCK + 1, 5 * BLOCK + 7])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_both_ways_give_what_float64_gives(
    way: Callable[[Tensor, Tensor, Tensor | None], tuple[Tensor, ...]], count: int, dtype: torch.dtype
) -> None:
    cells = torch.from_numpy(RANDOM.standard_normal((count + 9, 130)).astype(np.float32)).to(dtype)
    cells[2:4, 5] = torch.tensor([torch.inf, -torch.inf])
    cells[0, 7] = torch.nan
    counted = torch.from_numpy(np.sort(RANDOM.choice(count + 9, count, replace=False)))
    pivot = torch.from_numpy(RANDOM.standard_normal(130).astype(np.float32))
    rows = cells.double().numpy()[counted.numpy()]
    highs, low, first, second, fired = (found.numpy() for found in way(cells, counted, pivot))
    with np.errstate(invalid="ignore"):
        blocks = [rows[start : start + BLOCK].max(axis=0) for start in range(0, count, BLOCK)]
        apart = rows - pivot.double().numpy()
        assert np.array_equal(highs, np.array(blocks), equal_nan=True)
        assert np.array_equal(low, rows.min(axis=0), equal_nan=True)
        assert np.allclose(first, apart.sum(axis=0), atol=1e-4 * BLOCK, equal_nan=True)
        assert np.allclose(second, np.square(apart).sum(axis=0), rtol=1e-5, equal_nan=True)
    assert np.array_equal(fired, (rows > 0).sum(axis=0))


def test_a_mean_far_from_zero_costs_no_digits() -> None:
    values = (RANDOM.standard_normal((400, 3)) + np.array([0, 3000, -50])).astype(np.float32)
    moments = ShardMoments(3, torch.device("cpu"))
    for part in np.split(values, 4):
        moments.update(torch.from_numpy(part), torch.arange(len(part)))
    mean, square = moments.table()[:, :2].T
    assert np.allclose(mean, values.mean(axis=0, dtype=np.float64), rtol=1e-6, atol=1e-6)
    assert np.allclose(np.sqrt(square / 400), values.std(axis=0, dtype=np.float64), rtol=1e-4)
