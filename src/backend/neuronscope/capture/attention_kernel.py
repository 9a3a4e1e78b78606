"""A loop over the heads of many layers, compiled by numba: where one query looks, read from keys as they lie in the cache.

Of a step's time on a CPU most goes to waiting for the keys; each is read once, and nothing of their size is made.
Compiled at first use, in some seconds, and kept on the disk for later starts.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from neuronscope.capture.exponentials import raise_below, sum_raised, sum_times_log
from neuronscope.capture.orders import least_and_most, number_at
from neuronscope.capture.pointers import floats_at

F32 = NDArray[np.float32]
I32 = NDArray[np.int32]
I64 = NDArray[np.int64]


@njit(cache=True, nogil=True, error_model="numpy")
def summarise_attention(
    first: int,
    last: int,
    queries: I64,
    keys: I64,
    sizes: tuple[int, int, int, int],
    strides: tuple[int, int, int],
    scale: np.float32,
    heaviest: F32,
    places: I32,
    entropy: F32,
) -> None:
    """Fill ``heaviest`` weights and their ``places [call · h, top]``, heaviest first, and ``entropy [call · h]`` in nats.

    Only rows from ``first`` to before ``last``.

    ``queries`` and ``keys`` are addresses in memory of float32 ``[h, e]`` and ``[g, k, e]``, one of each a call. ``sizes`` are
    h, h / g, k and e; ``strides``, in values, from head to head of queries and of keys, and from key to key. Weights are the
    softmax of ``scale · query · key``; entropy is log(sum) - sum(weight · difference from the largest score).
    """
    heads, group, count, width = sizes
    query_head, key_head, key_next = strides
    scores, raised = np.empty(count, np.float32), np.empty(count, np.float32)
    bits = np.empty(count, np.int32)
    powers = bits.view(np.float32)
    for row in range(first, last):
        call, head = row // heads, row % heads
        query = floats_at(queries[call] + 4 * head * query_head, width)
        key = floats_at(keys[call] + 4 * (head // group) * key_head, (count - 1) * key_next + width)
        _score(query, key, key_next, scale, scores)
        largest = number_at(least_and_most(scores.view(np.int32))[1])
        raise_below(scores, largest, raised, bits)
        total = sum_raised(raised, powers, count)
        mixed = sum_times_log(scores, largest, raised)
        entropy[row] = math.log(total) - mixed / total
        _heaviest(raised, total, heaviest[row], places[row])


# A sum may be taken in any order, so that several values are added at once.
@njit(cache=True, nogil=True, error_model="numpy", fastmath={"reassoc", "contract"})
def _score(query: F32, key: F32, step: int, scale: np.float32, scores: F32) -> None:
    count, width = len(scores), len(query)
    whole = count - count % 4
    for k in range(0, whole, 4):
        # Four keys at a time: a value of the query is read once for them, and their sums don't wait for each other.
        first, second = key[k * step : k * step + width], key[(k + 1) * step : (k + 1) * step + width]
        third, fourth = key[(k + 2) * step : (k + 2) * step + width], key[(k + 3) * step : (k + 3) * step + width]
        a, b, c, d = np.float32(0), np.float32(0), np.float32(0), np.float32(0)
        for e in range(width):
            value = query[e]
            a += value * first[e]
            b += value * second[e]
            c += value * third[e]
            d += value * fourth[e]
        scores[k], scores[k + 1], scores[k + 2], scores[k + 3] = a * scale, b * scale, c * scale, d * scale
    for k in range(whole, count):
        a = np.float32(0)
        for e in range(width):
            a += query[e] * key[k * step + e]
        scores[k] = a * scale


@njit(cache=True, nogil=True, error_model="numpy")
def _heaviest(raised: F32, total: float, weights: F32, keys: I32) -> None:
    top, held, least = len(weights), 0, np.float32(-1)
    for k in range(len(raised)):
        value = raised[k]
        if value <= least:
            continue
        j = held if held < top else top - 1
        while j > 0 and weights[j - 1] < value:
            weights[j], keys[j] = weights[j - 1], keys[j - 1]
            j -= 1
        weights[j], keys[j] = value, k
        held = min(top, held + 1)
        if held == top:
            least = weights[top - 1]
    for j in range(top):
        weights[j] /= total
