"""Loops that put a step's numbers into the bytes of its entries, as MessagePack and payloads hold them; compiled by numba."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

F32 = NDArray[np.float32]
I32 = NDArray[np.int32]
I64 = NDArray[np.int64]
U8 = NDArray[np.uint8]
U32 = NDArray[np.uint32]


@njit(cache=True, nogil=True, error_model="numpy")
def lay_rows(
    out: U8,
    starts: I64,
    rows: I64,
    places: tuple[int, int],
    stats_at: I64,
    short: tuple[bool, bool],
    stats: F32,
    indices: I32,
    values: F32,
) -> bool:
    """Entry ``n`` begins at ``starts[n]`` and holds ``stats``, ``indices`` and ``values`` of ``rows[n]``.

    ``places`` of values and indices, and ``stats_at``, count from there. ``short`` says whether values are float16 and
    indices two bytes. False where a value is not finite in float16: nothing that was laid counts then.
    """
    halves, narrow = short
    values_at, indices_at = places
    wide = stats.astype(np.float64).view(np.uint64)
    raw = values.view(np.uint32)
    count = values.shape[1]
    packed = np.empty(count, np.uint16)
    for n in range(len(starts)):
        start, row = starts[n], rows[n]
        for s in range(stats.shape[1]):
            _lay_largest_first(out, start + stats_at[s], wide[row, s], 8)
        if count == 0:
            continue
        if halves:
            if not halve_bits(raw[row], packed):
                return False
            out[start + values_at : start + values_at + 2 * count] = packed.view(np.uint8)
        else:
            out[start + values_at : start + values_at + 4 * count] = values[row].view(np.uint8)
        _lay_indices(out, start + indices_at, indices[row], narrow, packed)
    return True


@njit(cache=True, nogil=True, error_model="numpy")
def lay_summaries(
    out: U8,
    starts: I64,
    places: tuple[int, int, int, int, int],
    lengths: I64,
    digits: int,
    narrow: bool,
    span: tuple[int, int],
    keys: I32,
    weights: F32,
    entropy: F32,
) -> None:
    """Entry ``n`` begins at ``starts[n]`` and holds ``keys``, ``weights [entry, h, top]`` and ``entropy [entry, h]``.

    ``places`` of keys, weights, entropy, largest weight and its key count from there; ``span`` is the position of the first
    key and how many there are, which goes into the shape, at ``lengths[n]``, in so many ``digits``.
    """
    keys_at, weights_at, entropy_at, max_at, argmax_at = places
    first, count = span
    _, heads, top = weights.shape
    shifted, packed = np.empty(heads * top, np.int32), np.empty(heads * top, np.uint16)
    largest, at = np.empty(heads, np.float32), np.empty(heads, np.int32)
    for n in range(len(starts)):
        start = starts[n]
        for h in range(heads):
            largest[h], at[h] = weights[n, h, 0], keys[n, h, 0] + first
            for k in range(top):
                shifted[h * top + k] = keys[n, h, k] + first
        _lay_largest_first(out, lengths[n], np.uint64(count), digits)
        _lay_indices(out, start + keys_at, shifted, narrow, packed)
        _lay_indices(out, start + argmax_at, at, narrow, packed)
        _lay(out, start + weights_at, weights[n].reshape(-1).view(np.uint8))
        _lay(out, start + entropy_at, entropy[n].view(np.uint8))
        _lay(out, start + max_at, largest.view(np.uint8))


@njit(cache=True, nogil=True)
def _lay(out: U8, at: int, data: U8) -> None:
    out[at : at + len(data)] = data


@njit(cache=True, nogil=True)
def _lay_indices(out: U8, at: int, indices: I32, narrow: bool, packed: NDArray[np.uint16]) -> None:
    count = len(indices)
    if not narrow:
        out[at : at + 4 * count] = indices.view(np.uint8)
        return
    for i in range(count):
        packed[i] = np.uint16(indices[i])
    out[at : at + 2 * count] = packed[:count].view(np.uint8)


@njit(cache=True, nogil=True)
def _lay_largest_first(out: U8, at: int, number: np.uint64, size: int) -> None:
    for b in range(size):
        out[at + b] = np.uint8((number >> np.uint64(8 * (size - 1 - b))) & np.uint64(0xFF))


@njit(cache=True, nogil=True)
def halve_bits(raw: U32, halves: NDArray[np.uint16]) -> bool:
    """Float32 bits as float16, to the nearest and to even between two; false where one is not finite then."""
    finite = True
    for i in range(len(raw)):
        bits = raw[i]
        sign = (bits >> np.uint32(16)) & np.uint32(0x8000)
        size = bits & np.uint32(0x7FFFFFFF)
        if size < np.uint32(0x38800000):
            # Below float16's normal numbers: the distance to zero in its smallest steps, 2^-24.
            shift = np.uint32(126) - (size >> np.uint32(23))
            if shift > np.uint32(24):
                halves[i] = np.uint16(sign)
                continue
            digits = (size & np.uint32(0x7FFFFF)) | np.uint32(0x800000)
            found = digits >> shift
            rest = digits & ((np.uint32(1) << shift) - np.uint32(1))
            middle = np.uint32(1) << (shift - np.uint32(1))
            found += np.uint32(rest > middle or (rest == middle and found & np.uint32(1)))
            halves[i] = np.uint16(sign | found)
            continue
        rounded = size + np.uint32(0xFFF) + ((size >> np.uint32(13)) & np.uint32(1))
        found = (rounded >> np.uint32(13)) - np.uint32(112 << 10)
        finite = finite and found < np.uint32(0x7C00)
        halves[i] = np.uint16(sign | found)
    return finite
