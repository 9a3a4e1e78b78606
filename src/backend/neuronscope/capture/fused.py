"""Statistics and strongest values of many rows at once, on the device that holds them, and one way over to the CPU."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from neuronscope.capture.reduce import SPARSE_BELOW

STATS = ("mean", "std", "min", "max", "l2", "sparsity", "p99")


def row_stats(rows: Tensor) -> Tensor:
    """Statistics ``[row, 7]`` of float32 ``[row, value]``, in the order of :data:`STATS`, as ``tensor_stats`` defines them.

    In float32: within 1e-5 of those in float64, relative to the row's largest magnitude (l2 to itself).
    """
    if rows.device.type == "cpu":
        return torch.from_numpy(_row_stats_on_cpu(rows.numpy()))
    size = rows.shape[1]
    mean = rows.mean(dim=1)
    low, high = rows.amin(dim=1), rows.amax(dim=1)
    largest = torch.maximum(high, -low)
    l2 = torch.linalg.vector_norm(rows, dim=1)
    # Two passes: the square of a large mean would leave no digits for the deviation.
    std = torch.linalg.vector_norm(rows - mean[:, None], dim=1) / size**0.5
    sparsity = (rows.abs() < (SPARSE_BELOW * largest)[:, None]).sum(dim=1) / size
    place, below = _p99_place(size)
    highest = rows.topk(size - below, dim=1).values
    first, second = highest[:, -1], highest[:, max(-2, below - size)]
    return torch.stack((mean, std, low, high, l2, sparsity, first + (place - below) * (second - first)), dim=1)


def _row_stats_on_cpu(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """The same on one core: rows of a step are so small that handing them to a second one costs more than it saves.

    And NumPy finds a percentile by vector instructions, in a fifth of the time of torch's sort.
    """
    size = rows.shape[1]
    found = np.empty((len(rows), len(STATS)), np.float32)
    mean, low, high = rows.mean(axis=1), rows.min(axis=1), rows.max(axis=1)
    found[:, 0], found[:, 2], found[:, 3] = mean, low, high
    scratch = rows - mean[:, None]
    found[:, 1] = np.sqrt(np.einsum("ij,ij->i", scratch, scratch) / size)
    np.abs(rows, out=scratch)
    found[:, 4] = np.sqrt(np.einsum("ij,ij->i", scratch, scratch))
    bound = np.float32(SPARSE_BELOW) * np.maximum(high, -low)
    found[:, 5] = np.count_nonzero(scratch < bound[:, None], axis=1) / size
    place, below = _p99_place(size)
    parted = np.partition(rows, below, axis=1)
    first = parted[:, below]
    second = parted[:, below + 1 :].min(axis=1) if below + 1 < size else first
    found[:, 6] = first + np.float32(place - below) * (second - first)
    return found


def _p99_place(size: int) -> tuple[float, int]:
    """Where the 99th percentile lies among that many values in order, and the place just below it."""
    place = 0.99 * (size - 1)
    return place, int(place)


def strongest(rows: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Indices (int32) and values ``[row, count]`` of the largest by magnitude, signs kept, strongest first."""
    count = min(count, rows.shape[1])
    if rows.device.type != "cpu":
        chosen = rows.abs().topk(count, dim=1).indices
        return chosen.int(), rows.gather(1, chosen)
    values = rows.numpy()
    magnitude = np.abs(values)
    found = np.argpartition(magnitude, rows.shape[1] - count, axis=1)[:, -count:]
    # Indices into all rows laid flat: NumPy's own way along an axis makes them anew at each call.
    starts = np.arange(len(values))[:, None]
    found += starts * rows.shape[1]
    order = np.argsort(-magnitude.ravel()[found], axis=1) + starts * count
    flat = found.ravel()[order]
    chosen = (flat - starts * rows.shape[1]).astype(np.int32)
    return torch.from_numpy(chosen), torch.from_numpy(values.ravel()[flat])


def cross(tensors: Sequence[Tensor]) -> list[NDArray[Any]]:
    """All of them on the CPU, after one copy and one wait. Where they are there already, nothing is copied."""
    if not tensors or tensors[0].device.type == "cpu":
        return [tensor.numpy() for tensor in tensors]
    # Wide types first, so that each begins where its type may.
    order = sorted(range(len(tensors)), key=lambda n: -tensors[n].element_size())
    flat = torch.cat([tensors[n].contiguous().view(-1).view(torch.uint8) for n in order]).cpu().numpy()
    found: list[NDArray[Any]] = [flat] * len(tensors)
    start = 0
    for n in order:
        size = tensors[n].numel() * tensors[n].element_size()
        kind = _NUMPY[tensors[n].dtype]
        found[n] = flat[start : start + size].view(kind).reshape(tuple(tensors[n].shape))
        start += size
    return found


_NUMPY = {
    torch.float32: np.float32,
    torch.float64: np.float64,
    torch.int32: np.int32,
    torch.int64: np.int64,
    torch.bool: np.bool_,
}
