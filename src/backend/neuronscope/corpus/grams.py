"""Where every run of tokens stands in a corpus: all places in the order of what follows them, so that a count is a search.

A run lies within one window. Beyond a window's end stands nothing, which sorts before every token.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neuronscope.core.errors import Damaged
from neuronscope.corpus.files import damaged

LONGEST = 5
"""Tokens of the longest run that is told apart."""


class Grams:
    """Counts and places of runs of token ids.

    ``tokens`` and ``starts`` are the corpus; ``order`` holds its places as :mod:`neuronscope.corpus.gram_order` sorts them,
    those that begin with the id ``i`` from ``firsts[i]`` to before ``firsts[i + 1]``.
    An order that points astray is :class:`~neuronscope.core.errors.Damaged`, told of the index in ``folder``; it is looked
    at where it is asked, since the whole of it would take long to read.
    """

    def __init__(
        self,
        tokens: NDArray[np.int32],
        starts: NDArray[np.int64],
        order: NDArray[np.int64],
        firsts: NDArray[np.int64],
        folder: Path,
    ) -> None:
        self._tokens, self._starts, self._order, self._firsts = tokens, starts, order, firsts
        self._folder = folder

    def counts(self, grams: Sequence[Sequence[int]]) -> NDArray[np.int64]:
        """How often each run of 1 to :data:`LONGEST` ids occurs; all are searched for at once."""
        low, high = self._range(grams)
        return high - low

    def places(self, gram: Sequence[int], most: int) -> NDArray[np.int64]:
        """Where the first token of the run stands, the earliest ``most`` places, ascending."""
        low, high = self._range([gram])
        found = self._at(np.arange(int(low[0]), int(high[0])))
        # Runs of full length are sorted by place already; shorter ones are not.
        return np.sort(found)[:most]

    def _range(self, grams: Sequence[Sequence[int]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Where each run's places start in the order, and where they end."""
        first = np.array([gram[0] for gram in grams], np.int64)
        known = first < len(self._firsts) - 1
        low, high = (np.where(known, self._firsts[np.where(known, first + step, 0)], 0) for step in (0, 1))
        if not ((low >= 0) & (low <= high) & (high <= len(self._order))).all():
            raise self._astray()
        longer = np.array([n for n, gram in enumerate(grams) if len(gram) > 1 and known[n]], np.int64)
        if longer.size:
            wanted = np.full((len(longer), LONGEST), -2, np.int64)
            for row, n in enumerate(longer.tolist()):
                wanted[row, : len(grams[n])] = grams[n]
            both = np.concatenate((longer, longer))
            after = np.arange(len(both)) >= len(longer)
            found = self._search(np.concatenate((wanted, wanted)), after, low[both], high[both])
            low[longer], high[longer] = found[: len(longer)], found[len(longer) :]
        return low, high

    def _search(
        self, wanted: NDArray[np.int64], after: NDArray[np.bool_], low: NDArray[np.int64], high: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """Of each wanted run the first place, from ``low`` to ``high``, that is not smaller, or where ``after`` greater.

        -2 is not compared.
        """
        while bool((low < high).any()):
            middle = (low + high) // 2
            at = self._at(np.minimum(middle, len(self._order) - 1))
            smaller = self._before(at, wanted, after) & (low < high)
            high = np.where(smaller | (low >= high), high, middle)
            low = np.where(smaller, middle + 1, low)
        return low

    def _before(
        self, at: NDArray[np.int64], wanted: NDArray[np.int64], or_equal: NDArray[np.bool_]
    ) -> NDArray[np.bool_]:
        end = self._starts[np.searchsorted(self._starts, at, side="right")]
        place = at[:, None] + np.arange(LONGEST)
        ids = self._tokens[np.minimum(place, len(self._tokens) - 1)].astype(np.int64)
        there = np.where(place < end[:, None], ids, -1)
        apart = np.where(wanted == -2, 0, np.sign(there - wanted))
        first = apart[np.arange(len(apart)), (apart != 0).argmax(axis=1)]
        found: NDArray[np.bool_] = (first < 0) | (or_equal & (first == 0))
        return found

    def _at(self, ranks: NDArray[np.int64]) -> NDArray[np.int64]:
        places: NDArray[np.int64] = self._order[ranks]
        if places.size and not (places.min() >= 0 and places.max() < len(self._tokens)):
            raise self._astray()
        return places

    def _astray(self) -> Damaged:
        return damaged(self._folder, "its order of places does not fit its tokens")
