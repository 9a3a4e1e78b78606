from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from neuronscope.capture.fused import reduce_rows
from neuronscope.capture.fused_cpu import attention_summaries
from neuronscope.capture.reduce import tensor_stats
from neuronscope.core.stats import STATS

Rows = NDArray[np.float32]


def _check(rows: Rows, count: int | None) -> None:
    """Against NumPy in double precision, and against a full sort of each row."""
    stats, indices, values = reduce_rows(torch.from_numpy(rows), count)
    for row, found in zip(rows, stats.numpy(), strict=True):
        expected = tensor_stats(row)
        largest = max(abs(expected["min"]), abs(expected["max"]))
        for name, value in zip(STATS, found.tolist(), strict=True):
            size = expected["l2"] if name == "l2" else 1.0 if name == "sparsity" else largest
            assert value == pytest.approx(expected[name], abs=1e-5 * size + 1e-30), name
    if count is None:
        assert indices is None
        assert values is None
        return
    assert indices is not None
    assert values is not None
    for row, chosen, held in zip(rows, indices.numpy(), values.numpy(), strict=True):
        order = np.argsort(-np.abs(row), kind="stable")[: min(count, len(row))]
        np.testing.assert_array_equal(np.abs(row[chosen]), np.abs(row[order]))
        np.testing.assert_array_equal(row[chosen], held)
        assert len(set(chosen.tolist())) == len(chosen)


SHAPES = ((1, 1), (3, 2), (2, 100), (5, 101), (4, 768), (2, 3072), (1, 5000))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("count", [None, 1, 8, 128])
@pytest.mark.parametrize("kind", ["normal", "gelu", "negative", "ties", "far", "tiny", "zeros", "one large"])
def test_statistics_and_strongest(shape: tuple[int, int], count: int | None, kind: str) -> None:
    rows = np.random.default_rng(sum(shape)).standard_normal(shape).astype(np.float32)
    if kind == "gelu":
        rows = np.where(rows < 0, rows * np.float32(0.02), rows)
    elif kind == "negative":
        rows = -np.abs(rows)
    elif kind == "ties":
        rows = np.round(rows)
    elif kind == "far":
        rows = rows * np.float32(1e-3) + np.float32(1000)
    elif kind == "tiny":
        rows *= np.float32(1e-30)
    elif kind == "zeros":
        rows[:] = 0
    elif kind == "one large":
        rows[:, -1] = 3000
    _check(rows, count)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.floats(-3, 3, width=32) | st.sampled_from([0.0, -0.0, 1.0, -1.0, 2.0]), min_size=1, max_size=300),
    st.integers(1, 300),
)
def test_any_row(values: list[float], count: int) -> None:
    _check(np.array([values], np.float32), count)


def test_what_is_no_number_shows_and_infinities_stay() -> None:
    rows = np.ones((2, 200), np.float32)
    rows[0, 7] = np.nan
    rows[1, 9], rows[1, 3] = -np.inf, np.inf
    stats, indices, values = reduce_rows(torch.from_numpy(rows), 4)
    assert indices is not None
    assert values is not None
    found = dict(zip(STATS, stats[0].tolist(), strict=True))
    assert all(np.isnan(found[name]) for name in ("mean", "std", "min", "max", "l2"))
    assert indices[0, 0] == 7
    assert np.isnan(float(values[0, 0]))
    assert indices[1, :2].tolist() == [3, 9]
    assert stats[1, STATS.index("max")] == np.inf
    assert stats[1, STATS.index("min")] == -np.inf


@pytest.mark.parametrize(("keys", "top"), [(1, 8), (5, 8), (48, 8), (700, 8)])
@pytest.mark.parametrize("spread", [1, 8])
def test_attention_summaries_are_those_of_softmax(keys: int, top: int, spread: int) -> None:
    torch.manual_seed(keys)
    # Two layers of six heads that share three sets of keys, which lie in a cache with room; queries as they are split off.
    queries = [spread * torch.randn(1, 1, 6, 20)[..., :16].transpose(1, 2) for _ in range(2)]
    held = [torch.randn(1, 3, keys + 5, 16)[:, :, :keys] for _ in range(2)]
    weights, found, entropy = attention_summaries(queries, held, 0.25, top)
    shared = [key.repeat_interleave(2, dim=1).double() for key in held]
    scores = torch.cat([q.double() @ k.transpose(2, 3) for q, k in zip(queries, shared, strict=True)])[:, :, 0] * 0.25
    expected = torch.softmax(scores, dim=-1)
    best = expected.topk(min(top, keys), dim=-1)
    np.testing.assert_allclose(weights, best.values, rtol=2e-5, atol=1e-7)
    np.testing.assert_array_equal(found, best.indices)
    np.testing.assert_allclose(entropy, torch.special.entr(expected).sum(-1), atol=1e-5)


def test_attention_to_a_key_that_is_no_number_is_none() -> None:
    query, key = torch.randn(1, 2, 1, 16), torch.randn(1, 2, 9, 16)
    key[0, 1, 4, 2] = torch.nan
    weights, places, entropy = attention_summaries([query], [key], 1.0, 4)
    assert np.isfinite(weights[0, 0]).all()
    assert np.isnan(weights[0, 1]).all()
    assert np.isnan(entropy[0]).tolist() == [False, True]
    assert ((places >= 0) & (places < 9)).all()
