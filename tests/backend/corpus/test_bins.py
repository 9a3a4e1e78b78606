from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from neuronscope.corpus.bins import BINS, POWERS, SIDE, edges, kurtosis, quantiles
from neuronscope.corpus.histogram import ShardSpread, spread_at_once

FLOATS = st.lists(st.floats(width=32), min_size=1, max_size=60)


def counted(values: list[float]) -> np.ndarray:
    spread = ShardSpread(1, torch.device("cpu"))
    spread.update(torch.tensor(values, dtype=torch.float32)[:, None])
    return spread.counts()[0]


@settings(deadline=None)  # the first example compiles the loops
@given(FLOATS)
def test_every_value_falls_between_its_edges(values: list[float]) -> None:
    finite = [value for value in values if not np.isnan(value)]
    inner = edges()
    assert len(inner) == BINS - 1
    assert (np.diff(inner) > 0).all()
    at = [np.searchsorted(inner, x, side="right" if x >= 0 else "left") for x in np.float32(finite).astype(float)]
    assert np.array_equal(counted(finite) if finite else np.zeros(BINS), np.bincount(at, minlength=BINS))
    assert counted(values).sum() == len(values), "NaN is counted too"


def test_what_is_near_zero_shares_a_bin() -> None:
    assert counted([0.0, -0.0, 1e-9, -1e-40])[SIDE] == 4
    assert counted([float("inf"), 1e30, -1e30])[[0, -1]].tolist() == [1, 2]


def test_kurtosis_is_that_of_the_values() -> None:
    values = np.random.default_rng(0).laplace(3.0, 0.5, (4000, 3)).astype(np.float32)
    values[:, 2] = 1.25
    spread = ShardSpread(3, torch.device("cpu"))
    for part in np.split(values, 8):
        spread.update(torch.from_numpy(part))
    found = kurtosis(spread.powers(), len(values))
    apart = values.astype(np.float64) - values.mean(0, dtype=np.float64)
    expected = (apart**4).mean(0) / (apart**2).mean(0).clip(1e-30) ** 2 - 3
    assert found[:2] == pytest.approx(expected[:2], rel=1e-6)
    assert np.isnan(found[2]), "nothing varies"
    assert np.isnan(kurtosis(spread.powers(), 0)).all()


def test_quantiles_lie_within_their_bins() -> None:
    values = np.random.default_rng(1).normal(0, 2, 20_000).astype(np.float32)
    shares = np.array([0.01, 0.25, 0.5, 0.9, 0.999])
    found = quantiles(counted(values.tolist()), shares)
    exact = np.quantile(values, shares)
    assert np.all(np.abs(found - exact) <= np.abs(exact) / 4 + 0.01)
    assert np.isnan(quantiles(np.zeros(BINS, np.int32), shares)).all()


def test_a_gpus_way_of_counting_gives_the_same() -> None:
    values = np.random.default_rng(2).standard_normal((50, 7)) * 10.0 ** np.arange(-9, 5, 2)
    values[3, 2], values[4, 2], values[5, 3] = np.inf, -np.inf, -0.0
    rows = torch.from_numpy(values.astype(np.float32))
    spread = ShardSpread(7, torch.device("cpu"))
    spread.update(rows)
    counts, powers = torch.zeros((7, BINS), dtype=torch.int32), torch.zeros((POWERS, 7), dtype=torch.float64)
    spread_at_once(rows, counts, powers)
    assert np.array_equal(counts.numpy(), spread.counts())
    assert np.allclose(powers.numpy().T, spread.powers(), rtol=1e-12, equal_nan=True)
