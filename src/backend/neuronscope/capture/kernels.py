"""Loops over the rows of a step, compiled by numba: each value is read twice, where NumPy would read it twenty times.

Compiled at first use, in some seconds, and kept on the disk for later starts. They let go of the interpreter.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from neuronscope.capture.orders import least_and_most, number_at
from neuronscope.capture.pointers import floats_at

F32 = NDArray[np.float32]
U32 = NDArray[np.uint32]
I32 = NDArray[np.int32]
I64 = NDArray[np.int64]

BINS = 2048
"""The exponent and the first three digits of a magnitude: so fine that few values share a bin, so few that all are soon read."""
SHIFT = 20
BUCKETS = 512
MAGNITUDE = 0x7FFFFFFF
MEAN, STD, MIN, MAX, L2, SPARSITY, P99 = range(7)


@njit(cache=True, nogil=True, error_model="numpy")
def reduce_at(
    first: int,
    last: int,
    addresses: I64,
    size: int,
    sparse_below: float,
    below: int,
    share: float,
    stats: F32,
    indices: I32,
    values: F32,
) -> None:
    """Rows of ``size`` float32 values at ``addresses`` in memory, from row ``first`` to before ``last``.

    Fill ``stats [row, 7]``, and ``indices`` and ``values [row, count]`` with the largest by magnitude, strongest first.
    ``below`` and ``share`` say where the percentile lies: that far from the value at this place of the row in order to the
    next. Among equals the first comes first; what is no number counts as largest.
    """
    bins, near = np.empty(BINS, np.int32), np.empty(size + 1, np.int64)
    for n in range(first, last):
        row = floats_at(addresses[n], size)
        raw = row.view(np.uint32)
        _reduce(row, raw, sparse_below, size - below, share, stats[n], indices[n], values[n], bins, near)


@njit(cache=True, nogil=True, error_model="numpy")
def _reduce(
    row: F32,
    raw: U32,
    sparse_below: float,
    above: int,
    share: float,
    stats: F32,
    indices: I32,
    values: F32,
    bins: I32,
    near: I64,
) -> None:
    """One row; ``bins`` and ``near`` are room to work in."""
    size = len(row)
    total, square = _sums(row)
    mean = total / size
    least, most = least_and_most(row.view(np.int32))
    low, high = float(number_at(least)), float(number_at(most))
    if total != total and np.isnan(row).any():
        low = high = np.nan
    largest = np.float32(max(high, -low))
    small = _small(row, np.float32(sparse_below) * largest)
    stats[MEAN], stats[STD], stats[L2] = mean, math.sqrt(_spread(row, mean) / size), math.sqrt(square)
    stats[MIN], stats[MAX], stats[SPARSITY] = low, high, small / size
    if len(indices):
        bins[:] = 0
        for i in range(size):
            bins[(raw[i] & MAGNITUDE) >> SHIFT] += 1
        _strongest(row, raw, bins, _top_bin(largest), near, indices, values)
    stats[P99] = _percentile(row, raw, bins, near, values, above, share)


# A sum may be taken in any order, so that several values are added at once.
@njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})
def _sums(row: F32) -> tuple[float, float]:
    total, square = 0.0, 0.0
    for i in range(row.shape[0]):
        value = np.float64(row[i])
        total += value
        square += value * value
    return total, square


@njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})
def _spread(row: F32, mean: float) -> float:
    spread = 0.0
    for i in range(row.shape[0]):
        apart = np.float64(row[i]) - mean
        spread += apart * apart
    return spread


@njit(cache=True, nogil=True)
def _small(row: F32, bound: np.float32) -> int:
    small = 0
    for i in range(row.shape[0]):
        if abs(row[i]) < bound:
            small += 1
    return small


@njit(cache=True, nogil=True, error_model="numpy")
def _strongest(row: F32, raw: U32, bins: I32, last: int, near: I64, indices: I32, values: F32) -> None:
    """Bins from the ``last`` that holds any down are taken whole as long as they fit; of the one then, the largest in it."""
    count, size = indices.shape[0], row.shape[0]
    taken = 0
    while taken + bins[last] < count:
        taken += bins[last]
        last -= 1
    # Written each time and kept by a sum, since no processor foresees which value is among them. The places of larger ones
    # come from the front, those of the last bin from the back.
    above, found = 0, 0
    for i in range(size):
        b = (raw[i] & MAGNITUDE) >> SHIFT
        near[above] = i
        above += b > last
        near[size - found] = i
        found += b == last
    _by_buckets(near[:above], raw, (last + 1) << SHIFT, indices)
    rest = near[size - found + 1 :][::-1]
    _order(rest, found, raw)
    for i in range(count - taken):
        indices[taken + i] = rest[i]
    for i in range(count):
        values[i] = row[indices[i]]


@njit(cache=True, nogil=True, error_model="numpy")
def _top_bin(largest: np.float32) -> int:
    """The bin of the largest magnitude; no number may lie in any."""
    bits = np.empty(1, np.float32)
    bits[0] = largest
    return BINS - 1 if np.isnan(largest) else int(bits.view(np.uint32)[0] & MAGNITUDE) >> SHIFT


@njit(cache=True, nogil=True, error_model="numpy")
def _by_buckets(places: I64, raw: U32, least: int, indices: I32) -> None:
    """Put places of magnitudes from ``least`` on into order: by even buckets first, then each a few places back at most."""
    count = places.shape[0]
    top = least
    for i in range(count):
        top = max(top, int(raw[places[i]] & MAGNITUDE))
    shift = 0
    while (top - least) >> shift >= BUCKETS:
        shift += 1
    starts = np.zeros(BUCKETS + 1, np.int32)
    for i in range(count):
        starts[BUCKETS - ((int(raw[places[i]] & MAGNITUDE) - least) >> shift)] += 1
    for bucket in range(1, BUCKETS + 1):
        starts[bucket] += starts[bucket - 1]
    for i in range(count - 1, -1, -1):
        bucket = BUCKETS - ((int(raw[places[i]] & MAGNITUDE) - least) >> shift)
        starts[bucket] -= 1
        indices[starts[bucket]] = places[i]
    _move_back(indices, count, raw)


@njit(cache=True, nogil=True, error_model="numpy")
def _move_back(places: I32 | I64, count: int, raw: U32) -> None:
    """Each of the first ``count`` places as far back as there are smaller magnitudes before it; equals keep their order."""
    for i in range(1, count):
        chosen = places[i]
        size = raw[chosen] & MAGNITUDE
        j = i - 1
        while j >= 0 and (raw[places[j]] & MAGNITUDE) < size:
            places[j + 1] = places[j]
            j -= 1
        places[j + 1] = chosen


@njit(cache=True, nogil=True, error_model="numpy")
def _order(near: I64, found: int, raw: U32) -> None:
    """Put indices into the order of magnitude, largest first; equals keep theirs."""
    if found > 64:
        keys = np.empty(found, np.int64)
        for i in range(found):
            keys[i] = (np.int64(MAGNITUDE - (raw[near[i]] & MAGNITUDE)) << 32) | near[i]
        keys.sort()
        for i in range(found):
            near[i] = keys[i] & 0xFFFFFFFF
        return
    _move_back(near, found, raw)


@njit(cache=True, nogil=True, error_model="numpy")
def _percentile(row: F32, raw: U32, bins: I32, near: I64, values: F32, above: int, share: float) -> float:
    """Of the values strongest by magnitude the positive ones are the row's largest; where they don't suffice, all are read."""
    seen, first, second = 0, 0.0, 0.0
    for value in values:
        if value > 0:
            seen += 1
            second, first = first, value
            if seen == above:
                break
    if seen < above:
        return _percentile_of_all(row, raw, bins, near, above, share)
    if above == 1:
        return first
    return first + share * (second - first)


@njit(cache=True, nogil=True, error_model="numpy")
def _percentile_of_all(row: F32, raw: U32, bins: I32, near: I64, above: int, share: float) -> float:
    """By bins of signed values, which are ordered as their bits are once negative ones are turned around."""
    size = row.shape[0]
    bins[:] = 0
    for i in range(size):
        bins[_ordered(raw[i]) >> 21] += 1
    last, taken = BINS - 1, 0
    while taken + bins[last] < above:
        taken += bins[last]
        last -= 1
    found = 0
    next_larger = np.uint32(0xFFFFFFFF)
    for i in range(size):
        key = _ordered(raw[i])
        b = key >> 21
        if b == last:
            near[found] = key
            found += 1
        elif b > last and key < next_larger:
            next_larger = key
    ordered = np.sort(near[:found])
    first = ordered[found - (above - taken)]
    if above == 1:
        return _value(first)
    second = ordered[found - (above - taken) + 1] if above - taken > 1 else np.int64(next_larger)
    return _value(first) + share * (_value(second) - _value(first))


@njit(cache=True, nogil=True)
def _ordered(raw: np.uint32) -> np.uint32:
    return np.uint32(~raw) if raw >> 31 else np.uint32(raw | np.uint32(0x80000000))


@njit(cache=True, nogil=True)
def _value(key: np.int64) -> float:
    bits = np.empty(1, np.uint32)
    bits[0] = np.uint32(key & MAGNITUDE) if key >> 31 else np.uint32(~np.uint32(key))
    return float(bits.view(np.float32)[0])
