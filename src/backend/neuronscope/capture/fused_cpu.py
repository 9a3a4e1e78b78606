"""Statistics, strongest values and attention's summaries on a CPU."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

F32 = NDArray[np.float32]
I32 = NDArray[np.int32]


def stats_and_strongest(rows: F32, count: int | None) -> tuple[F32, I32 | None, F32 | None]:
    """As :func:`neuronscope.capture.fused.reduce_rows`, over ``[row, value]``."""
    from neuronscope.capture.step_work import Rows, StepWork

    height, size = rows.shape
    work = Rows(height, size, count or 0)
    if size:
        work.take_rows(np.ascontiguousarray(rows))
        StepWork([work], []).do()
    else:
        work.stats[:] = 0
    return (work.stats, None, None) if count is None else (work.stats, work.indices, work.values)


def attention_summaries(
    queries: Sequence[Tensor], keys: Sequence[Tensor], scale: float, top: int
) -> tuple[F32, I32, F32]:
    """Weights and keys ``[call, h, top]``, heaviest first, and entropy ``[call, h]`` in nats, of the softmax over keys.

    ``queries`` are ``[1, h, 1, e]`` and ``keys [1, g, k, e]``, each of one shape and one layout, for which
    :func:`side_by_side` holds.
    """
    from neuronscope.capture.step_work import Heads, StepWork

    work = Heads(len(queries), queries[0].shape[1], min(top, keys[0].shape[2]))
    work.take(queries, keys, scale)
    StepWork([], [work]).do()
    return work.weights, work.keys, work.entropy


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
