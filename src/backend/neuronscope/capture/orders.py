"""Float32 values in order, compared as whole numbers: several at once, where comparing floats takes one after the other.

Bits of negative values turned around are in the order of the values. What is no number and has no sign comes last.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

I32 = NDArray[np.int32]

TURNED = np.int32(0x7FFFFFFF)
FIRST, LAST = np.int32(-TURNED - 1), TURNED


@njit(cache=True, nogil=True)
def order_of(bits: np.int32) -> np.int32:
    """The place of a value, given as its bits, among all values."""
    return bits ^ ((bits >> np.int32(31)) & TURNED)


@njit(cache=True, nogil=True)
def number_at(order: np.int32) -> np.float32:
    """The value at a place."""
    bits = np.empty(1, np.int32)
    bits[0] = order_of(order)
    found: np.float32 = bits.view(np.float32)[0]
    return found


@njit(cache=True, nogil=True)
def least_and_most(bits: I32) -> tuple[np.int32, np.int32]:
    """The places of the smallest and of the largest of values, given as their bits."""
    least, most = LAST, FIRST
    for k in range(len(bits)):
        order = order_of(bits[k])
        least, most = min(least, order), max(most, order)
    return least, most
