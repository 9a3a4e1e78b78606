"""Statistics, strongest values and attention's summaries on a CPU: on one core, since several would only wait for each other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from neuronscope.capture.reduce import SPARSE_BELOW

F32 = NDArray[np.float32]
I32 = NDArray[np.int32]


def stats_and_strongest(rows: F32, count: int | None) -> tuple[F32, I32 | None, F32 | None]:
    """As :func:`neuronscope.capture.fused.reduce_rows`, over ``[row, value]``."""
    from neuronscope.capture.kernels import reduce_rows

    height, size = rows.shape
    wanted = min(count or 0, size)
    stats = np.empty((height, 7), np.float32)
    indices, values = np.empty((height, wanted), np.int32), np.empty((height, wanted), np.float32)
    if size:
        place, below = p99_place(size)
        rows = np.ascontiguousarray(rows)
        reduce_rows(rows, rows.view(np.uint32), SPARSE_BELOW, below, place - below, stats, indices, values)
    else:
        stats[:] = 0
    return (stats, None, None) if count is None else (stats, indices, values)


def rows_in_place(tensors: Sequence[Tensor], size: int, count: int) -> tuple[F32, I32, F32]:
    """The same of float32 tensors of ``size`` values each, read where they lie: :func:`plain` holds for each of them."""
    from neuronscope.capture.kernels import reduce_at

    wanted = min(count, size)
    stats = np.empty((len(tensors), 7), np.float32)
    indices, values = np.empty((len(tensors), wanted), np.int32), np.empty((len(tensors), wanted), np.float32)
    place, below = p99_place(size)
    addresses = np.array([tensor.data_ptr() for tensor in tensors])
    reduce_at(addresses, SPARSE_BELOW, below, place - below, size, stats, indices, values)
    return stats, indices, values


def plain(tensor: Tensor, size: int) -> bool:
    """Whether a tensor is so many float32 values, some at least, side by side in the CPU's memory."""
    return tensor.dtype is torch.float32 and tensor.is_cpu and tensor.numel() == size > 0 and tensor.is_contiguous()


def side_by_side(query: Tensor, key: Tensor) -> bool:
    """Whether :func:`attention_summaries` can read them: float32 on the CPU, the values of a head and position together."""
    return query.is_cpu and query.dtype is key.dtype is torch.float32 and query.stride(3) == key.stride(3) == 1


def p99_place(size: int) -> tuple[float, int]:
    """Where the 99th percentile lies among that many values in order, and the place just below it."""
    place = 0.99 * (size - 1)
    return place, int(place)


def attention_summaries(
    queries: Sequence[Tensor], keys: Sequence[Tensor], scale: float, top: int
) -> tuple[F32, I32, F32]:
    """Weights and keys ``[call, h, top]``, heaviest first, and entropy ``[call, h]`` in nats, of the softmax over keys.

    ``queries`` are ``[1, h, 1, e]`` and ``keys [1, g, k, e]``, each of one shape and one layout, for which
    :func:`side_by_side` holds.
    """
    from neuronscope.capture.attention_kernel import summarise_attention

    _, heads, _, width = queries[0].shape
    _, shared, count, _ = keys[0].shape
    held = min(top, count)
    weights, places = np.empty((len(queries), heads, held), np.float32), np.empty((len(queries), heads, held), np.int32)
    entropy = np.empty((len(queries), heads), np.float32)
    summarise_attention(
        np.array([query.data_ptr() for query in queries]),
        np.array([key.data_ptr() for key in keys]),
        (heads, heads // shared, count, width),
        (queries[0].stride(1), keys[0].stride(1), keys[0].stride(2)),
        np.float32(scale),
        weights.reshape(-1, held),
        places.reshape(-1, held),
        entropy.reshape(-1),
    )
    return weights, places, entropy


def prepare() -> None:
    """Compile the loops, or read them from where they were kept, before a first run waits for it."""
    rows = np.zeros((1, 2), np.float32)
    stats_and_strongest(rows, 1)
    one = torch.zeros(1, 1, 1, 2)
    attention_summaries([one], [one], 1.0, 1)
