"""How the values of every unit are spread: counts in bins that are fixed for ever, over a fixed sample of the tokens.

A bin is read off a float32's own bits: its sign, its exponent and the first two digits of its fraction, four bins to each
doubling. So bins need no first look at the values, and counts of shards, of corpora and of machines can be added up.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

LOWEST, HIGHEST = -12, 16
"""Powers of two between which values are told apart; what is nearer to zero shares one bin, what lies beyond has two."""
STEPS = 4
SIDE = (HIGHEST - LOWEST) * STEPS + 1
BINS = 2 * SIDE + 1
SHIFT = 21  # leaves exponent and two digits of the fraction
FIRST = (127 + LOWEST) * STEPS
"""What the bits of the smallest value that has a bin of its own say."""
POWERS = 4


def edges() -> NDArray[np.float64]:
    """The ``BINS - 1`` inner edges, ascending; the first and the last bin have no outer one."""
    bits = (np.arange(FIRST, FIRST + SIDE) << SHIFT).astype(np.uint32)
    right = bits.view(np.float32).astype(np.float64)
    return np.concatenate((-right[::-1], right))


def kurtosis(powers: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """Excess kurtosis (0 for a normal distribution) from sums of powers ``[unit, power]``; NaN where nothing varies."""
    if count == 0:
        return np.full(len(powers), np.nan)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        m1, m2, m3, m4 = (powers / count).T
        variance = m2 - m1**2
        fourth = m4 - 4 * m1 * m3 + 6 * m1**2 * m2 - 3 * m1**4
        # Below the roundings of the sums there is no variance to speak of.
        found = np.where(variance > 1e-12 * m2, fourth / variance**2 - 3, np.nan)
    return np.where(np.isfinite(found), found, np.nan)


def quantiles(counts: NDArray[Any], shares: NDArray[np.float64]) -> NDArray[np.float64]:
    """Values below which those shares of one unit's counts ``[bin]`` lie, straight lines within bins; NaN without counts."""
    total = counts.sum()
    if total == 0:
        return np.full(len(shares), np.nan)
    inner = edges()
    outer = np.concatenate(([inner[0] * 2], inner, [inner[-1] * 2]))
    found: NDArray[np.float64] = np.interp(shares * total, np.concatenate(([0], np.cumsum(counts))), outer)
    return found
