from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from neuronscope.capture import step_work
from neuronscope.capture.reduce import tensor_stats
from neuronscope.capture.step_work import Halves, Heads, Rows, StepWork
from neuronscope.core.stats import STATS

THREADS = (1, 2, 3, 7)


@pytest.fixture(autouse=True)
def threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def _done() -> list[NDArray[np.generic]]:
    """Two kinds of rows and the heads of three calls, reduced in one go."""
    torch.manual_seed(5)
    narrow, wide = [torch.randn(1, 1, 40) for _ in range(5)], [torch.randn(1, 1, 300) for _ in range(2)]
    queries = [torch.randn(1, 4, 1, 16) for _ in range(3)]
    keys = [torch.randn(1, 2, 33, 16)[:, :, :30] for _ in range(3)]
    work = StepWork([Rows(5, 40, 7), Rows(2, 300, 0)], [Heads(3, 4, 8)])
    work.rows[0].take(narrow)
    work.rows[1].take(wide)
    work.heads[0].take(queries, keys, 0.25)
    work.do()
    first, second, heads = *work.rows, work.heads[0]
    for tensor, stats in zip([*narrow, *wide], [*first.stats, *second.stats], strict=True):
        np.testing.assert_allclose(stats, [tensor_stats(tensor.numpy())[name] for name in STATS], atol=1e-5)
    expected = torch.stack([narrow[n].flatten().abs().topk(7).indices for n in range(5)])
    np.testing.assert_array_equal(first.indices, expected)
    assert second.indices.shape == (2, 0)
    return [first.stats, first.indices, first.values, second.stats, heads.weights, heads.keys, heads.entropy]


def test_any_number_of_threads_gives_the_same_bits() -> None:
    torch.set_num_threads(1)
    alone = _done()
    for count in THREADS[1:]:
        torch.set_num_threads(count)
        for found, expected in zip(_done(), alone, strict=True):
            np.testing.assert_array_equal(found, expected)


def test_without_a_known_openmp_library_one_thread_does_all(monkeypatch: pytest.MonkeyPatch) -> None:
    shared = _done()
    monkeypatch.setattr(step_work, "_openmp", lambda: None)
    for found, expected in zip(_done(), shared, strict=True):
        np.testing.assert_array_equal(found, expected)


def test_a_layout_is_asked_again_at_each_step() -> None:
    """The same work over keys of another length and queries of another layout."""
    torch.manual_seed(2)
    work = StepWork([], [Heads(1, 2, 4)])
    for count in (4, 9, 200):
        query, key = torch.randn(1, 1, 2, 8).transpose(1, 2), torch.randn(1, 2, count + 3, 8)[:, :, :count]
        work.heads[0].take([query], [key], 0.5)
        work.do()
        expected = torch.softmax(query @ key.transpose(2, 3) * 0.5, dim=-1)[0, :, 0].topk(4, dim=-1)
        np.testing.assert_allclose(work.heads[0].weights[0], expected.values, rtol=1e-5, atol=1e-7)
        np.testing.assert_array_equal(work.heads[0].keys[0], expected.indices)


@pytest.mark.parametrize("threads", THREADS)
@pytest.mark.parametrize(("count", "size"), [(1, 1), (1, 51), (5, 7), (3, 64)])
def test_halves_are_put_where_they_belong(threads: int, count: int, size: int) -> None:
    torch.set_num_threads(threads)
    tensors = [torch.randn(size) for _ in range(count)]
    data, starts = np.full(count * (2 * size + 16), 0xEE, np.uint8), np.arange(count) * (-(-2 * size // 8) * 8 + 8)
    halves = Halves(count, size)
    work = StepWork([], [], [halves])
    halves.take(np.array([tensor.data_ptr() for tensor in tensors]), data, starts)
    work.do()
    assert halves.fit
    expected = np.full_like(data, 0xEE)
    for start, tensor in zip(starts, tensors, strict=True):
        expected[start : start + 2 * size] = tensor.half().numpy().view(np.uint8)
    np.testing.assert_array_equal(data, expected)
    tensors[-1][-1] = 1e6
    work.do()
    assert not halves.fit
