from __future__ import annotations

import numpy as np
import pytest
import torch

from neuronscope.capture.sampling import Sampler


@pytest.mark.parametrize("size", [3, 63, 300, 2000, 50257])
@pytest.mark.parametrize("count", [0, 1, 20])
def test_the_likeliest_are_those_of_a_full_sort(size: int, count: int) -> None:
    logits = torch.randn(size, generator=torch.Generator().manual_seed(size)).round(decimals=1)  # with ties
    token, logprob, likely, ids, raw = Sampler(0, None, None, 1).choose(logits, count)
    expected = torch.log_softmax(logits.double(), dim=-1)
    order = np.argsort(-logits.numpy(), kind="stable")[:count]
    assert int(token) == int(logits.argmax())
    assert float(logprob) == pytest.approx(float(expected[token]), abs=1e-5)
    np.testing.assert_array_equal(ids, order)
    np.testing.assert_array_equal(raw, logits[torch.from_numpy(order)])
    np.testing.assert_allclose(likely, expected[torch.from_numpy(order)], atol=1e-5)


def test_a_draw_is_the_seeds() -> None:
    logits = torch.randn(500, generator=torch.Generator().manual_seed(1))
    drawn = [[int(Sampler(0.9, 50, 0.95, seed).choose(logits, 5)[0]) for _ in range(3)] for seed in (4, 4, 5)]
    assert drawn[0] == drawn[1]
    sampler = Sampler(0.9, 50, 0.95, 4)
    chosen = sampler.choose(logits, 5)
    assert float(chosen[1]) == pytest.approx(float(torch.log_softmax(logits, -1)[chosen[0]]), abs=1e-5)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_logits_that_are_no_numbers_end_in_a_token_all_the_same(value: float) -> None:
    logits = torch.zeros(5000)
    logits[17] = value
    token, _, _, ids, _ = Sampler(0, None, None, 1).choose(logits, 20)
    assert 0 <= int(token) < 5000
    assert len(ids) == 20
