"""Statistics, strongest values and attention's summaries on a CPU: on one core, since several would only wait for each other."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

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


def p99_place(size: int) -> tuple[float, int]:
    """Where the 99th percentile lies among that many values in order, and the place just below it."""
    place = 0.99 * (size - 1)
    return place, int(place)


def attention_rows(queries: list[F32], keys: list[F32], scale: float) -> F32:
    """Scaled scores ``[layer, g, h / g, k]`` of ``[g, h / g, e]`` and ``[g, k, e]``, less the largest of their row."""
    shape = (len(queries), *queries[0].shape[:2], keys[0].shape[1])
    scores = np.empty(shape, np.float32)
    for place, query, key in zip(scores, queries, keys, strict=True):
        np.matmul(query, key.transpose(0, 2, 1), out=place)
    scores *= np.float32(scale)
    scores -= scores.max(axis=-1, keepdims=True)
    return scores


def attention_summaries(rows: F32, logs: F32, top: int) -> tuple[F32, I32, F32]:
    """Weights and keys ``[row, top]``, heaviest first, and entropy ``[row]``, of ``rows = exp(logs)`` ``[row, key]``.

    ``logs`` are as :func:`attention_rows` gives them.
    """
    from neuronscope.capture.kernels import summarise_attention

    height, held = len(rows), min(top, rows.shape[1])
    weights, keys = np.empty((height, held), np.float32), np.empty((height, held), np.int32)
    entropy = np.empty(height, np.float32)
    summarise_attention(rows, logs, held, weights, keys, entropy)
    return weights, keys, entropy


def prepare() -> None:
    """Compile the loops, or read them from where they were kept, before a first run waits for it."""
    rows = np.zeros((1, 2), np.float32)
    stats_and_strongest(rows, 1)
    attention_summaries(np.exp(rows), rows, 1)
