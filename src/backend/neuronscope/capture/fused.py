"""Statistics and strongest values of many rows at once, on the device that holds them, and one way over to the CPU."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from neuronscope.capture.fused_cpu import p99_place, stats_and_strongest
from neuronscope.capture.reduce import SPARSE_BELOW


def reduce_rows(rows: Tensor, count: int | None = None) -> tuple[Tensor, Tensor | None, Tensor | None]:
    """Statistics of float32 ``[row, value]``, and of each row the ``count`` largest by magnitude.

    Statistics ``[row, 7]`` are those of :func:`tensor_stats` in the order of ``core.stats.STATS``, in float32: within 1e-5 of
    float64's, relative to the row's largest magnitude (l2 to itself). Indices (int32) and values ``[row, count]`` come
    strongest first, signs kept; ``None`` without a ``count``.
    """
    if rows.device.type == "cpu":
        found, chosen, values = stats_and_strongest(rows.numpy(), count)
        if chosen is None or values is None:
            return torch.from_numpy(found), None, None
        return torch.from_numpy(found), torch.from_numpy(chosen), torch.from_numpy(values)
    if count is None:
        return _stats(rows), None, None
    strongest = rows.abs().topk(min(count, rows.shape[1]), dim=1).indices
    return _stats(rows), strongest.int(), rows.gather(1, strongest)


def _stats(rows: Tensor) -> Tensor:
    size = rows.shape[1]
    mean = rows.mean(dim=1)
    low, high = rows.amin(dim=1), rows.amax(dim=1)
    largest = torch.maximum(high, -low)
    l2 = torch.linalg.vector_norm(rows, dim=1)
    # Two passes: the square of a large mean would leave no digits for the deviation.
    std = torch.linalg.vector_norm(rows - mean[:, None], dim=1) / size**0.5
    sparsity = (rows.abs() < (SPARSE_BELOW * largest)[:, None]).sum(dim=1) / size
    place, below = p99_place(size)
    highest = rows.topk(size - below, dim=1).values
    first, second = highest[:, -1], highest[:, max(-2, below - size)]
    return torch.stack((mean, std, low, high, l2, sparsity, first + (place - below) * (second - first)), dim=1)


def halve(values: NDArray[np.float32]) -> NDArray[np.float16]:
    """In float16, by torch, whose conversion uses vector instructions: a tenth of NumPy's time."""
    found: NDArray[np.float16] = torch.from_numpy(np.ascontiguousarray(values)).half().numpy()
    return found


def cross(tensors: Sequence[Tensor]) -> list[NDArray[Any]]:
    """All of them on the CPU, after one copy and one wait. Where they are there already, nothing is copied."""
    if not tensors or tensors[0].device.type == "cpu":
        return [tensor.numpy() for tensor in tensors]
    return Flat(tensors).apart(put_together(tensors).cpu().numpy())


def put_together(tensors: Sequence[Tensor]) -> Tensor:
    """The bytes of all of them in one tensor, in the order that :class:`Flat` reads."""
    return torch.cat([tensors[n].contiguous().view(-1).view(torch.uint8) for n in _widest_first(tensors)])


class Flat:
    """Where in the bytes of :func:`put_together` each of the tensors lies."""

    def __init__(self, tensors: Sequence[Tensor]) -> None:
        self._places: list[tuple[int, int, type[np.generic], tuple[int, ...]]] = [(0, 0, np.uint8, ())] * len(tensors)
        start = 0
        for n in _widest_first(tensors):
            tensor = tensors[n]
            end = start + tensor.numel() * tensor.element_size()
            self._places[n] = start, end, _NUMPY[tensor.dtype], tuple(tensor.shape)
            start = end

    def apart(self, data: NDArray[np.uint8]) -> list[NDArray[Any]]:
        """The tensors as views of their bytes."""
        return [data[start:end].view(kind).reshape(shape) for start, end, kind, shape in self._places]


def _widest_first(tensors: Sequence[Tensor]) -> list[int]:
    # Wide types first, so that each begins where its type may.
    return sorted(range(len(tensors)), key=lambda n: -tensors[n].element_size())


_NUMPY = {
    torch.float32: np.float32,
    torch.float64: np.float64,
    torch.int32: np.int32,
    torch.int64: np.int64,
    torch.bool: np.bool_,
}
