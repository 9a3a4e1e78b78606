"""Exponentials in compiled loops, several at once: the C library's, one by one, would take most of a step's softmax."""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

F32 = NDArray[np.float32]
I32 = NDArray[np.int32]

LOWEST = np.float32(-87.0)
"""Below this a float32 exponential is no normal number; it counts as this one, which is 1e-38 of the largest."""
LOG2_E = np.float32(1.4426950408889634)
LN2_HIGH, LN2_LOW = np.float32(0.693359375), np.float32(-2.12194440e-4)
"""The logarithm of 2 in two parts, the first so short that a whole multiple of it is exact (Cody and Waite 1980)."""
TERMS = tuple(np.float32(1 / math.factorial(n)) for n in range(7, -1, -1))
"""Taylor's for the exponential, which is wanted within half a logarithm of 2 of zero: there the next is below 1e-8."""
P7, P6, P5, P4, P3, P2, P1, P0 = TERMS


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
def raise_below(scores: F32, largest: np.float32, raised: F32, bits: I32) -> None:
    """The exponential of a score less the largest is ``raised`` times the power of 2 with these ``bits``."""
    for k in range(len(scores)):
        below = scores[k] - largest
        # What is no number stays none: it compares false.
        value = LOWEST if below < LOWEST else below
        power = np.floor(value * LOG2_E + np.float32(0.5))
        bits[k] = (np.int32(power) + np.int32(127)) << np.int32(23)
        rest = value - power * LN2_HIGH - power * LN2_LOW
        raised[k] = ((((((P7 * rest + P6) * rest + P5) * rest + P4) * rest + P3) * rest + P2) * rest + P1) * rest + P0


# A sum may be taken in any order, so that several values are added at once.
@njit(cache=True, nogil=True, error_model="numpy", fastmath={"reassoc", "contract"})
def sum_raised(raised: F32, powers: F32, count: int) -> float:
    """The sum of so many exponentials, which are put together in place."""
    total = 0.0
    for k in range(count):
        value = raised[k] * powers[k]
        raised[k] = value
        total += np.float64(value)
    return total


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"reassoc", "contract"})
def sum_times_log(scores: F32, largest: np.float32, exponentials: F32) -> float:
    """The sum of exponentials of scores less the largest, each times its logarithm."""
    total = 0.0
    for k in range(len(scores)):
        total += np.float64(exponentials[k]) * np.float64(scores[k] - largest)
    return total
