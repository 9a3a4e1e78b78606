"""The strongest places of several units together, by the mean of their z-scores.

An index keeps the strongest places of each unit alone. Here the windows that hold any of them are run again, the most
promising first, and every token in them is scored. What was not run can be bounded: where a place is not among a unit's
kept ones, the unit's value there is at most the weakest that was kept. So the answer can say up to which context it is
certain that the whole corpus holds nothing stronger (the threshold algorithm of Fagin, Lotem and Naor 2003).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neuronscope.core.errors import BadRequest, Conflict
from neuronscope.corpus.answers import GroupContext, NgramStat, TokenStat
from neuronscope.corpus.index import Index
from neuronscope.corpus.manifest import RADIUS
from neuronscope.corpus.members import Members
from neuronscope.corpus.opened import Units
from neuronscope.corpus.worker import Run, at_once
from neuronscope.models.loaded import LoadedModel

WINDOWS = 256
"""Windows that are run where nobody says how many."""
SLACK = 1e-3
"""Standard deviations within which scores count as equal: a window run again differs from the index by roundings."""


@dataclass(frozen=True, slots=True)
class GroupTop:
    """What several units together are strongest on.

    ``searched`` of ``candidates`` windows were run: those that hold a kept context of any member. No place outside of
    them scores above ``bound`` (``None``: there is no such place): nothing in the corpus is stronger than any of the first
    ``certain`` contexts but those before it.
    ``constant`` are members that never vary; they count as 0. Values of tokens and n-grams are scores.
    """

    units: list[str]
    contexts: list[GroupContext]
    tokens: list[TokenStat]
    ngrams: list[NgramStat]
    candidates: int
    searched: int
    bound: float | None
    certain: int
    constant: list[str]


def strongest_together(
    loaded: LoadedModel,
    index: Index,
    units: Units,
    k: int = 20,
    *,
    window: int = RADIUS,
    windows: int = WINDOWS,
    run: Run | None = None,
    progress: Callable[[int, int], None] | None = None,
    check: Callable[[], None] | None = None,
) -> GroupTop:
    """The ``k`` best places of the corpus for several units together, out of at most ``windows`` windows run again.

    Means and deviations are the index's, over the whole corpus. ``run`` is called with each batch, as in
    :func:`~neuronscope.corpus.builder.build_index`; ``progress`` counts windows. Raises :class:`BadAddress` for a unit
    that the index does not hold, :class:`BadRequest` where none of them varies, :class:`Conflict` where the index does
    not fit the model.
    """
    if k < 1 or windows < 1 or not 0 <= window <= RADIUS:
        raise BadRequest(f"k and windows are at least 1, window is 0 to {RADIUS}.")
    usable, note = index.usable(loaded.key)
    if not usable:
        raise Conflict(note, "Choose or build an index of this model.")
    members = Members(index, units)
    if not members.varies.any():
        raise BadRequest("None of these units ever varies over this corpus.", "Choose other units.")
    numbers, bounds = members.candidates()
    most = min(windows, len(numbers))
    search, done = _Search(loaded, members, k), 0
    while done < most and not search.settled(float(bounds[done])):
        if check is not None:
            check()
        chosen = numbers[done : done + _fitting(index, numbers[done:most])]
        (run or at_once)(lambda chosen=chosen: search.take(chosen))  # type: ignore[misc]
        done += len(chosen)
        if progress is not None:
            progress(done, most)
    left = max(float(bounds[done]) if done < len(numbers) else -np.inf, members.elsewhere)
    return GroupTop(
        units=members.names,
        contexts=search.contexts(window),
        tokens=index.tokens_at(search.keys, search.scores.astype(np.float32)),
        ngrams=index.ngrams_at(search.keys, search.scores.astype(np.float32)),
        candidates=len(numbers),
        searched=done,
        bound=left if np.isfinite(left) else None,
        certain=int((search.scores > left - SLACK).sum()),
        constant=[name for name, varies in zip(members.names, members.varies, strict=True) if not varies],
    )


class _Search:
    """The best places so far: ``keys`` of the corpus and their ``scores``, the best first."""

    def __init__(self, loaded: LoadedModel, members: Members, k: int) -> None:
        self._loaded, self._members, self._k = loaded, members, k
        self._special = np.array(sorted(loaded.special_ids), np.int64)
        self.keys = np.zeros(0, np.int64)
        self.scores = np.zeros(0)
        self._values = np.zeros((0, len(members.names)), np.float32)
        self._rows = dict[int, NDArray[np.float64]]()

    def settled(self, bound: float) -> bool:
        """Whether places that score at most ``bound`` can't change the answer any more."""
        return len(self.keys) == self._k and bool(self.scores[-1] > bound + SLACK)

    def take(self, windows: NDArray[np.int64]) -> None:
        """Run windows and keep what is best; equal scores in order of place."""
        index = self._members.index
        spans = [index.span(window) for window in windows.tolist()]
        rows = [index.ids(*span) for span in spans]
        values = self._members.values(self._loaded, rows)
        for window, span, row, found in zip(windows.tolist(), spans, rows, values, strict=True):
            mine = found[: len(row)]
            scores = self._members.score(mine)
            counts = np.flatnonzero(~np.isin(row, self._special) & ~np.isnan(scores))
            self._rows[window] = scores
            self.keys = np.concatenate((self.keys, span[0] + counts))
            self.scores = np.concatenate((self.scores, scores[counts]))
            self._values = np.concatenate((self._values, mine[counts]))
        best = np.lexsort((self.keys, -self.scores))[: self._k]
        self.keys, self.scores, self._values = self.keys[best], self.scores[best], self._values[best]
        needed = set(index.window_of(self.keys)[0].tolist())
        self._rows = {window: row for window, row in self._rows.items() if window in needed}

    def contexts(self, radius: int) -> list[GroupContext]:
        """What was found, with the tokens around it."""
        index = self._members.index
        found = []
        of, starts = index.window_of(self.keys)
        for key, window, start, score, values in zip(
            *(column.tolist() for column in (self.keys, of, starts, self.scores, self._values)), strict=True
        ):
            shown, left, right = index.place(key, radius)
            scores = self._rows[window][left - start : right - start].tolist()
            found.append(GroupContext(score=score, scores=scores, activations=values, **shown))
        return found


def _fitting(index: Index, windows: NDArray[np.int64]) -> int:
    """How many of these windows, from the first on, fit into a batch of the size that the index was built with."""
    longest = 0
    for count, window in enumerate(windows.tolist()):
        first, last = index.span(window)
        longest = max(longest, last - first)
        if count and longest * (count + 1) > index.manifest.batch_tokens:
            return count
    return len(windows)
