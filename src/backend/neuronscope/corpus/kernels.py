"""Loops over a batch's values on a CPU, compiled by numba: each value is read once for all sums, and once more where it may
be a record.

Compiled at first use, in some seconds, and kept on the disk for later starts. They run on one core and let go of the
interpreter.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from neuronscope.corpus.bins import FIRST, POWERS, SHIFT, SIDE
from neuronscope.corpus.manifest import RADIUS

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
U32 = NDArray[np.uint32]
I32 = NDArray[np.int32]
I64 = NDArray[np.int64]

TILE = 128
"""Units whose running sums of one block stay in the first cache."""


@njit(cache=True, nogil=True, inline="always")
def _above(value: np.float32) -> np.float32:
    return np.float32(1) if value > 0 else np.float32(0)


# One array for all sums of a tile, at distances that are fixed: only so the compiler knows that they don't overlap, and takes
# several units at once.
@njit(cache=True, nogil=True, error_model="numpy")
def sum_blocks(
    cells: F32, counted: I64, pivot: F32, size: int, highs: F32, low: F32, first: F64, second: F64, fired: F64
) -> None:
    """Fill ``highs [block, unit]``, the maxima of each ``size`` of the rows ``counted`` of ``cells [cell, unit]``.

    ``low`` is brought down to the minima; to ``first``, ``second`` and ``fired`` the sums are added of values less the
    ``pivot``, of their squares, and of values above zero: within a block in float32, beyond it in float64. A value that is
    no number makes its block's maximum and the minimum none either.
    """
    units, count = cells.shape[1], counted.shape[0]
    acc = np.empty(5 * TILE, np.float32)
    for block in range(highs.shape[0]):
        start = block * size
        stop = min(start + size, count)
        for left in range(0, units, TILE):
            width = min(TILE, units - left)
            off = pivot[left : left + width]
            acc[:TILE], acc[TILE : 2 * TILE], acc[2 * TILE :] = -np.inf, np.inf, 0
            r = start
            # Four rows at a time, so that the sums are read and written a quarter as often.
            while r + 4 <= stop:
                row_a, row_b = cells[counted[r], left : left + width], cells[counted[r + 1], left : left + width]
                row_c, row_d = cells[counted[r + 2], left : left + width], cells[counted[r + 3], left : left + width]
                for i in range(width):
                    a, b, c, d = row_a[i], row_b[i], row_c[i], row_d[i]
                    high, other = a if a > b else b, c if c > d else d
                    high = high if high > other else other
                    least, other = a if a < b else b, c if c < d else d
                    least = least if least < other else other
                    acc[i] = high if high > acc[i] else acc[i]
                    acc[TILE + i] = least if least < acc[TILE + i] else acc[TILE + i]
                    acc[4 * TILE + i] += (_above(a) + _above(b)) + (_above(c) + _above(d))
                    a, b, c, d = a - off[i], b - off[i], c - off[i], d - off[i]
                    acc[2 * TILE + i] += (a + b) + (c + d)
                    acc[3 * TILE + i] += (a * a + b * b) + (c * c + d * d)
                r += 4
            while r < stop:
                row = cells[counted[r], left : left + width]
                for i in range(width):
                    value = row[i]
                    acc[i] = value if value > acc[i] else acc[i]
                    acc[TILE + i] = value if value < acc[TILE + i] else acc[TILE + i]
                    acc[4 * TILE + i] += _above(value)
                    value -= off[i]
                    acc[2 * TILE + i] += value
                    acc[3 * TILE + i] += value * value
                r += 1
            for i in range(width):
                unit = left + i
                high, least, total = acc[i], acc[TILE + i], acc[2 * TILE + i]
                if total != total:
                    for r in range(start, stop):
                        if np.isnan(cells[counted[r], unit]):
                            high = least = np.float32(np.nan)
                highs[block, unit] = high
                low[unit] = least if least < low[unit] or least != least else low[unit]
                first[unit] += total
                second[unit] += acc[3 * TILE + i]
                fired[unit] += acc[4 * TILE + i]


@njit(cache=True, nogil=True, error_model="numpy")
def keep_strongest(
    cells: F32, counted: I64, keys: I64, size: int, highs: F32,
    values: F32, kept: I64, fresh: I32, worst: I32, floor: F32, last: I64,
) -> None:  # fmt: skip
    """Put values in place of weaker ones; ``fresh [unit, k]`` then says in which cell each new one stands.

    ``highs`` are those of :func:`sum_blocks`; ``keys [cell]`` say where in the corpus a cell stands. ``worst`` is the place
    of a unit's weakest value ``floor``, whose key is ``last``.
    """
    count = counted.shape[0]
    for block in range(highs.shape[0]):
        start = block * size
        stop = min(start + size, count)
        for unit in range(cells.shape[1]):
            if highs[block, unit] < floor[unit]:  # no number is not below: it hides what stands beside it
                continue
            for r in range(start, stop):
                cell = counted[r]
                value = cells[cell, unit] + np.float32(0)  # -0.0 equals 0.0 and must sort as such
                if value > floor[unit] or (value == floor[unit] and keys[cell] < last[unit]):
                    fresh[unit, worst[unit]] = cell
                    _replace(values, kept, worst, floor, last, unit, value, keys[cell])


@njit(cache=True, nogil=True, error_model="numpy")
def _replace(
    values: F32, kept: I64, worst: I32, floor: F32, last: I64, unit: int, value: np.float32, key: np.int64
) -> None:
    values[unit, worst[unit]], kept[unit, worst[unit]] = value, key
    found = 0
    for place in range(1, values.shape[1]):
        if values[unit, place] < values[unit, found] or (
            values[unit, place] == values[unit, found] and kept[unit, place] > kept[unit, found]
        ):
            found = place
    worst[unit], floor[unit], last[unit] = found, values[unit, found], kept[unit, found]


@njit(cache=True, nogil=True, error_model="numpy")
def fill_excerpts(cells: F32, positions: int, lengths: I64, fresh: I32, excerpts: F32) -> None:
    """Write the values around each fresh place into ``excerpts [unit, k, WIDTH]``: zeros beyond the ends of its window."""
    for unit in range(fresh.shape[0]):
        for place in range(fresh.shape[1]):
            cell = fresh[unit, place]
            if cell < 0:
                continue
            fresh[unit, place] = -1
            at, length = cell % positions, lengths[cell // positions]
            for step in range(-RADIUS, RADIUS + 1):
                inside = 0 <= at + step < length
                excerpts[unit, place, RADIUS + step] = cells[cell + step, unit] + np.float32(0) if inside else 0


@njit(cache=True, nogil=True, error_model="numpy")
def absorb_hits(
    units: I64, keys: I64, found: F32, around: F32,
    values: F32, kept: I64, excerpts: F32, worst: I32, floor: F32, last: I64,
) -> None:  # fmt: skip
    """Take in hits one by one, as :func:`keep_strongest` does, with their excerpts ``around``."""
    for hit in range(units.shape[0]):
        unit, value = units[hit], found[hit]
        if value > floor[unit] or (value == floor[unit] and keys[hit] < last[unit]):
            excerpts[unit, worst[unit]] = around[hit]
            _replace(values, kept, worst, floor, last, unit, value, keys[hit])


@njit(cache=True, nogil=True, error_model="numpy")
def spread_rows(rows: F32, bits: U32, counts: I32, powers: F64) -> None:
    """Count ``rows [token, unit]`` into ``counts [unit, bin]`` and add their powers to ``powers [power, unit]``."""
    for n in range(rows.shape[0]):
        for unit in range(rows.shape[1]):
            raw = bits[n, unit]
            size: int = min(max(int((raw & np.uint32(0x7FFFFFFF)) >> np.uint32(SHIFT)) - (FIRST - 1), 0), SIDE)
            counts[unit, SIDE - size if raw >> np.uint32(31) else SIDE + size] += 1
            wide = np.float64(rows[n, unit])
            power = wide
            for p in range(POWERS):
                powers[p, unit] += power
                power *= wide
