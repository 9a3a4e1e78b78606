"""What a step is reduced to on a CPU, by torch's own threads.

Between two of torch's operations its threads wait busily for the next. Threads of ours would have to share the cores with
them and with the model's, which costs more than they do; so these do our work too, as they would do an operation's. That
needs the OpenMP library that torch brings on Linux; elsewhere one thread does it all.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import llvmlite.binding
import numpy as np
import torch
from numba import cfunc, njit, types
from numpy.typing import NDArray
from torch import Tensor

from neuronscope.capture.attention_kernel import summarise_attention
from neuronscope.capture.fused_cpu import p99_place
from neuronscope.capture.kernels import reduce_at
from neuronscope.capture.lay_kernel import halve_bits
from neuronscope.capture.pointers import floats_at, ints_at, longs_at
from neuronscope.capture.reduce import SPARSE_BELOW

I64 = NDArray[np.int64]

THREADS, ROWS, HEADS, HALVES, FIRST = range(5)
"""Of the words that say what there is to do: how many share it, how many jobs of each kind, and where these begin."""
ROW_WORDS, HEAD_WORDS, HALF_WORDS = 9, 15, 5


@cache
def _openmp() -> Any:
    """The OpenMP library that torch computes with, if it is the one known here."""
    # Only what is loaded already: there is no such mode on Windows, and no such library.
    mode = getattr(os, "RTLD_NOLOAD", 0) | getattr(os, "RTLD_NOW", 0)
    for path in sorted(Path(torch.__file__).parent.glob("lib/libgomp*.so*")):
        try:
            library = ctypes.CDLL(str(path), mode=mode)
        except OSError:
            continue  # it lies there, but torch has not loaded it
        library.GOMP_parallel.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint]
        library.GOMP_parallel.restype = None
        return library
    return None


_first = ctypes.CFUNCTYPE(ctypes.c_int)(lambda: 0)
_number = _first if _openmp() is None else _openmp().omp_get_thread_num
llvmlite.binding.add_symbol("neuronscope_thread", ctypes.cast(_number, ctypes.c_void_p).value)
_external: Any = types.ExternalFunction
_thread = _external("neuronscope_thread", types.int32())


@njit(cache=True, nogil=True, error_model="numpy")
def _rows(words: I64, part: int, parts: int) -> None:
    count, size, below, wanted = words[0], words[1], words[2], words[4]
    reduce_at(
        count * part // parts,
        count * (part + 1) // parts,
        longs_at(words[5], count),
        size,
        SPARSE_BELOW,
        below,
        words[3:4].view(np.float64)[0],
        floats_at(words[6], count * 7).reshape(count, 7),
        ints_at(words[7], count * wanted).reshape(count, wanted),
        floats_at(words[8], count * wanted).reshape(count, wanted),
    )


@njit(cache=True, nogil=True, error_model="numpy")
def _heads(words: I64, part: int, parts: int) -> None:
    calls, heads, group, count, width, top = words[0], words[1], words[2], words[3], words[4], words[9]
    rows = calls * heads
    summarise_attention(
        rows * part // parts,
        rows * (part + 1) // parts,
        longs_at(words[10], calls),
        longs_at(words[11], calls),
        (heads, group, count, width),
        (words[5], words[6], words[7]),
        np.float32(words[8:9].view(np.float64)[0]),
        floats_at(words[12], rows * top).reshape(rows, top),
        ints_at(words[13], rows * top).reshape(rows, top),
        floats_at(words[14], rows),
    )


@njit(cache=True, nogil=True, error_model="numpy")
def _halves(words: I64, part: int, parts: int) -> None:
    count, size = words[0], words[1]
    sources, targets = longs_at(words[2], count), longs_at(words[3], count)
    # By values, not by rows, since logits are a single one.
    at, last = count * size * part // parts, count * size * (part + 1) // parts
    while at < last:
        row, first = at // size, at % size
        end = min(size, first + last - at)
        raw = floats_at(sources[row], size).view(np.uint32)
        halves = ints_at(targets[row], (size + 1) // 2).view(np.uint16)
        if not halve_bits(raw[first:end], halves[first:end]):
            words[4] = 1
        at += end - first


@cfunc(types.void(types.voidptr), cache=True)
def _work(data: Any) -> None:
    head = longs_at(data, FIRST)
    parts, rows, heads, halves = head[THREADS], head[ROWS], head[HEADS], head[HALVES]
    part = _thread() if parts > 1 else 0
    words = longs_at(data, FIRST + rows * ROW_WORDS + heads * HEAD_WORDS + halves * HALF_WORDS)
    at = FIRST
    for _ in range(rows):
        _rows(words[at : at + ROW_WORDS], part, parts)
        at += ROW_WORDS
    for _ in range(heads):
        _heads(words[at : at + HEAD_WORDS], part, parts)
        at += HEAD_WORDS
    for _ in range(halves):
        _halves(words[at : at + HALF_WORDS], part, parts)
        at += HALF_WORDS


class Rows:
    """Rows of ``size`` values each, reduced to ``stats [row, 7]`` and the strongest ``indices`` and ``values [row, count]``."""

    def __init__(self, height: int, size: int, count: int) -> None:
        wanted = min(count, size)
        self.stats = np.empty((height, 7), np.float32)
        self._held: object = None
        self.indices, self.values = np.empty((height, wanted), np.int32), np.empty((height, wanted), np.float32)
        self.addresses = np.empty(height, np.int64)
        """Where the rows lie that were taken."""
        place, below = p99_place(size)
        share = np.float64(place - below).view(np.int64)
        held = [_at(array) for array in (self.addresses, self.stats, self.indices, self.values)]
        self.words = np.array([height, size, below, share, wanted, *held], np.int64)

    def take(self, tensors: Sequence[Tensor]) -> None:
        """The tensors that are the rows; :func:`~neuronscope.capture.fused_cpu.plain` holds for each."""
        self.addresses[:] = [tensor.data_ptr() for tensor in tensors]

    def take_rows(self, rows: NDArray[np.float32]) -> None:
        """The same of an array ``[row, value]`` in one piece, which is held as long as this is."""
        self._held = rows
        self.addresses[:] = _at(rows) + np.arange(len(rows)) * rows.strides[0]


class Heads:
    """Where the heads of ``calls`` look: ``weights`` and ``keys [call, h, top]``, heaviest first, ``entropy [call, h]``."""

    def __init__(self, calls: int, heads: int, top: int) -> None:
        self.weights, self.keys = np.empty((calls, heads, top), np.float32), np.empty((calls, heads, top), np.int32)
        self.entropy = np.empty((calls, heads), np.float32)
        self._addresses = np.empty((2, calls), np.int64)
        held = [_at(array) for array in (*self._addresses, self.weights, self.keys, self.entropy)]
        self.words = np.array([calls, heads, *[0] * 7, top, *held], np.int64)

    def take(self, queries: Sequence[Tensor], keys: Sequence[Tensor], scale: float) -> None:
        """Queries ``[1, h, 1, e]`` and keys ``[1, g, k, e]`` of one shape and one layout, no fewer keys than ``top``.

        For each :func:`~neuronscope.capture.fused_cpu.side_by_side` holds.
        """
        query, key = queries[0], keys[0]
        _, shared, count, width = key.shape
        query_head, (_, key_head, key_next, _) = query.stride(1), key.stride()
        bits = int(np.float64(scale).view(np.int64))
        self.words[2:9] = query.shape[1] // shared, count, width, query_head, key_head, key_next, bits
        self._addresses[:] = [one.data_ptr() for one in queries], [one.data_ptr() for one in keys]


class Halves:
    """Rows of ``size`` values each as float16, each put where it belongs."""

    def __init__(self, count: int, size: int) -> None:
        self._held: object = None
        self._addresses = np.empty((2, count), np.int64)
        self.words = np.array([count, size, *[_at(array) for array in self._addresses], 0], np.int64)

    def take(self, sources: I64, data: NDArray[np.uint8], starts: I64) -> None:
        """Where the rows lie, and where in ``data`` each belongs: at places that are multiples of four."""
        self._held = data
        self._addresses[:] = sources, _at(data) + starts
        self.words[4] = 0

    @property
    def fit(self) -> bool:
        """Whether all values were finite in float16."""
        return not self.words[4]


class StepWork:
    """All of them for all of a step at once: each thread takes its share of every one."""

    def __init__(self, rows: Sequence[Rows], heads: Sequence[Heads], halves: Sequence[Halves] = ()) -> None:
        self.rows, self.heads, self.halves = rows, heads, halves
        jobs: list[Rows | Heads | Halves] = [*rows, *heads, *halves]
        self._words = np.zeros(FIRST + sum(len(one.words) for one in jobs), np.int64)
        self._words[ROWS], self._words[HEADS], self._words[HALVES] = len(rows), len(heads), len(halves)
        at = FIRST
        for one in jobs:
            place = self._words[at : at + len(one.words)]
            place[:] = one.words
            one.words = place
            at += len(place)
        self._data = _at(self._words)

    def do(self) -> None:
        """Reduce what was taken. On the thread that runs the model, since torch's others wait for this one."""
        library, threads = _openmp(), torch.get_num_threads()
        if library is None or threads == 1:
            self._words[THREADS] = 1
            _work.ctypes(self._data)
        else:
            self._words[THREADS] = threads
            # As many as torch takes: with fewer, the library would send the others away.
            library.GOMP_parallel(_work.address, self._data, threads, 0)


def _at(array: NDArray[Any]) -> int:
    found: int = array.__array_interface__["data"][0]
    return found
