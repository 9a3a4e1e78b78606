"""Where every run of tokens stands in a corpus: all places in the order of what follows them, so that a count is a search.

A run lies within one window. Beyond a window's end stands nothing, which sorts before every token.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

LONGEST = 5
"""Tokens of the longest run that is told apart."""


def order_of(tokens: NDArray[np.int32], starts: NDArray[np.int64]) -> NDArray[np.int64]:
    """All places of ``tokens``, sorted by the :data:`LONGEST` tokens from each on, then by place."""
    # Tokens left in the window, from each place on; more than can matter are not told apart.
    left = np.full(len(tokens), LONGEST, np.int8)
    for step in range(1, LONGEST):
        ends = starts[1:] - step
        left[ends[ends >= starts[:-1]]] = step
    order = np.arange(len(tokens))
    for step in reversed(range(LONGEST)):
        column = np.full(len(tokens), -1, np.int32)
        inside = np.flatnonzero(left > step)
        column[inside] = tokens[inside + step]
        order = order[np.argsort(column[order], kind="stable")]
    return order


class Grams:
    """Counts and places of runs of token ids. ``tokens`` and ``starts`` are the corpus, ``order`` is of :func:`order_of`."""

    def __init__(self, tokens: NDArray[np.int32], starts: NDArray[np.int64], order: NDArray[np.int64]) -> None:
        self._tokens, self._starts, self._order = tokens, starts, order

    def counts(self, grams: Sequence[Sequence[int]]) -> NDArray[np.int64]:
        """How often each run of 1 to :data:`LONGEST` ids occurs; all are searched for at once."""
        if all(len(gram) == 1 for gram in grams):
            found: NDArray[np.int64] = self._alone[[min(gram[0], len(self._alone) - 1) for gram in grams]]
            return found
        low, high = self._range(grams)
        return high - low

    def places(self, gram: Sequence[int], most: int) -> NDArray[np.int64]:
        """Where the first token of the run stands, the earliest ``most`` places, ascending."""
        low, high = self._range([gram])
        found = self._order[int(low[0]) : int(high[0])]
        # Runs of full length are sorted by place already; shorter ones are not.
        return np.sort(found)[:most]

    @cached_property
    def _alone(self) -> NDArray[np.int64]:
        """How often each token occurs, and a zero at the end for those beyond."""
        return np.append(np.bincount(self._tokens), 0)

    def total(self, n: int, special: NDArray[np.bool_]) -> int:
        """How many places a run of ``n`` tokens, none of them special, starts at."""
        ends = np.diff(self._starts)
        count, chunk = 0, 1 << 15
        for first in range(0, len(ends), chunk):
            edges = self._starts[first : first + chunk + 1]
            bad = np.concatenate(([0], np.cumsum(special[self._tokens[edges[0] : edges[-1]]])))
            place = np.arange(edges[-1] - edges[0] - n + 1)
            if not place.size:
                continue
            window = np.searchsorted(edges - edges[0], place, side="right") - 1
            whole = place + n <= (edges - edges[0])[window + 1]
            count += int((whole & (bad[place + n] == bad[place])).sum())
        return count

    def _range(self, grams: Sequence[Sequence[int]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        wanted = np.full((len(grams), LONGEST), -2, np.int64)
        for row, gram in enumerate(grams):
            wanted[row, : len(gram)] = gram
        both = self._search(np.concatenate((wanted, wanted)), np.arange(2 * len(wanted)) >= len(wanted))
        return both[: len(wanted)], both[len(wanted) :]

    def _search(self, wanted: NDArray[np.int64], after: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Of each wanted run, how many places are smaller, or where ``after`` not greater; -2 is not compared."""
        low = np.zeros(len(wanted), np.int64)
        high = np.full(len(wanted), len(self._order))
        while bool((low < high).any()):
            middle = (low + high) // 2
            at = self._order[middle.clip(max=len(self._order) - 1)]
            smaller = self._before(at, wanted, after) & (low < high)
            high = np.where(smaller | (low >= high), high, middle)
            low = np.where(smaller, middle + 1, low)
        return low

    def _before(
        self, at: NDArray[np.int64], wanted: NDArray[np.int64], or_equal: NDArray[np.bool_]
    ) -> NDArray[np.bool_]:
        end = self._starts[np.searchsorted(self._starts, at, side="right")]
        place = at[:, None] + np.arange(LONGEST)
        there = np.where(place < end[:, None], self._tokens[place.clip(max=len(self._tokens) - 1)], -1).astype(np.int64)
        apart = np.where(wanted == -2, 0, np.sign(there - wanted))
        first = apart[np.arange(len(apart)), (apart != 0).argmax(axis=1)]
        found: NDArray[np.bool_] = (first < 0) | (or_equal & (first == 0))
        return found
