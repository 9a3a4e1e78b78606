"""The likeliest tokens of a row of logits, compiled by numba: each logit is read twice, where NumPy would read it six times."""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from neuronscope.capture.exponentials import raise_below, sum_raised
from neuronscope.capture.orders import least_and_most, number_at

F32 = NDArray[np.float32]
I64 = NDArray[np.int64]

BLOCK = 512
"""Logits that are looked at together, whose exponentials stay in the first cache."""


@njit(cache=True, nogil=True, error_model="numpy")
def likeliest(logits: F32, ids: I64) -> float:
    """Fill ``ids`` with the largest of ``logits``, largest first, the first one first among equals; the log of the sum of
    all exponentials. It is not finite where some logit is not, and the ids say nothing then."""
    size, count = len(logits), len(ids)
    blocks = (size + BLOCK - 1) // BLOCK
    orders = np.empty(blocks, np.int32)
    for b in range(blocks):
        orders[b] = least_and_most(logits[b * BLOCK : (b + 1) * BLOCK].view(np.int32))[1]
    top = number_at(orders.max())
    raised, bits = np.empty(BLOCK, np.float32), np.empty(BLOCK, np.int32)
    total, held, least = 0.0, 0, np.float32(-np.inf)
    for b in range(blocks):
        block = logits[b * BLOCK : (b + 1) * BLOCK]
        width = len(block)
        raise_below(block, top, raised, bits)
        total += sum_raised(raised, bits.view(np.float32), width)
        if held == count and number_at(orders[b]) <= least:
            continue
        for i in range(width):
            value = block[i]
            if held == count and value <= least:
                continue
            j = held if held < count else count - 1
            while j > 0 and logits[ids[j - 1]] < value:
                ids[j] = ids[j - 1]
                j -= 1
            ids[j] = b * BLOCK + i
            held = min(count, held + 1)
            least = logits[ids[held - 1]]
    return float(top) + math.log(total)
