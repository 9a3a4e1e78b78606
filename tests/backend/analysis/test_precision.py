"""Every figure of a comparison against its own slow computation, one neuron at a time."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from neuronscope.analysis.precision import layer_effect, neuron_effects, scatter_choice
from neuronscope.core.errors import BadRequest


def tables(seed: int, tokens: int = 40, neurons: int = 9) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    random = np.random.default_rng(seed)
    a = random.standard_normal((tokens, neurons)).astype(np.float32)
    return a, (a + 0.3 * random.standard_normal(a.shape)).astype(np.float32)


def strongest(column: NDArray[np.float32], k: int) -> set[int]:
    return set(sorted(range(len(column)), key=lambda i: (-column[i], i))[:k])


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 60), st.integers(1, 12), st.integers(1, 20))
def test_each_neuron_by_hand(seed: int, tokens: int, neurons: int, k: int) -> None:
    a, b = tables(seed, tokens, neurons)
    rows = neuron_effects(3, a, b, k)
    size_a, size_b = (np.abs(t.astype(float)).mean(axis=0) for t in (a, b))
    for unit, row in enumerate(rows):
        x, y = a[:, unit].astype(float), b[:, unit].astype(float)
        assert (row["layer"], row["unit"]) == (3, unit)
        assert row["correlation"] == pytest.approx(stats.pearsonr(x, y).statistic, abs=1e-5)
        assert row["mean_shift"] == pytest.approx((y.mean() - x.mean()) / x.std(), rel=1e-4, abs=1e-5)
        assert row["relative_error"] == pytest.approx(math.dist(x, y) / math.hypot(*x), rel=1e-5)
        rank_a, rank_b = ((size > size[unit]).sum() for size in (size_a, size_b))
        assert row["rank_change"] == rank_b - rank_a
        most = min(k, tokens)
        both = len(strongest(a[:, unit], most) & strongest(b[:, unit], most)) / most
        assert row["top_shared"] == pytest.approx(both)
        assert row["max_b"] == b[:, unit].max()


def test_the_same_activations_differ_in_nothing() -> None:
    a, _ = tables(1)
    rows = neuron_effects(0, a, a.copy())
    assert np.allclose(rows["correlation"], 1)
    assert not rows["mean_shift"].any()
    assert not rows["rank_change"].any()
    assert (rows["top_shared"] == 1).all()
    effect = layer_effect(rows, a, a)
    assert (effect.relative_error, effect.low_share, effect.top_shared, effect.not_finite) == (0, 0, 1, 0)


def test_the_layer_by_hand() -> None:
    a, b = tables(5)
    b[:, 2] = -a[:, 2]
    rows = neuron_effects(0, a, b)
    effect = layer_effect(rows, a, b)
    correlations = [stats.pearsonr(a[:, n], b[:, n]).statistic for n in range(a.shape[1])]
    assert effect.worst_correlation == pytest.approx(-1, abs=1e-5)
    assert effect.median_correlation == pytest.approx(np.median(correlations), abs=1e-5)
    assert effect.low_share == pytest.approx(np.mean(np.array(correlations) < 0.9))
    assert effect.relative_error == pytest.approx(np.linalg.norm(b - a) / np.linalg.norm(a), rel=1e-5)


def test_what_cannot_be_said_is_not_a_number() -> None:
    a, b = tables(2)
    a[:, 0] = 0.1  # a constant whose sum does not come out even
    b[:, 1] = 0
    b[3, 2] = np.inf
    a[:, 3] = b[:, 3] = 0
    rows = neuron_effects(0, a, b)
    assert np.isnan(rows["correlation"][:4]).all()
    assert np.isnan(rows["mean_shift"][[0, 2, 3]]).all()
    assert rows["mean_shift"][1] == pytest.approx(-a[:, 1].mean() / a[:, 1].std(), rel=1e-4)
    assert not rows["finite"][2]
    assert rows["finite"].sum() == len(rows) - 1
    effect = layer_effect(rows, a, b)
    assert effect.not_finite == 1
    assert effect.relative_error is not None
    assert math.isfinite(effect.relative_error)


def test_a_layer_of_nothing_but_zeros() -> None:
    zeros = np.zeros((5, 3), dtype=np.float32)
    effect = layer_effect(neuron_effects(7, zeros, zeros), zeros, zeros)
    assert (effect.layer, effect.median_correlation, effect.relative_error) == (7, None, None)


@pytest.mark.parametrize("shapes", [((4, 3), (4, 2)), ((1, 3), (1, 3)), ((4,), (4,))])
def test_tables_that_do_not_fit_are_refused(shapes: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
    with pytest.raises(BadRequest, match="can't be compared"):
        neuron_effects(0, *(np.zeros(shape, dtype=np.float32) for shape in shapes))


def test_the_scatter_holds_the_worst_and_an_even_choice() -> None:
    correlation = np.random.default_rng(0).random(10_000).astype(np.float32)
    correlation[17] = np.nan
    chosen = scatter_choice(correlation, worst=50, others=100)
    assert set(np.argsort(correlation)[:50]) <= set(chosen)
    assert 140 <= len(chosen) <= 150
    assert (np.diff(chosen) > 0).all()
    assert len(scatter_choice(correlation[:30], worst=50)) == 30
