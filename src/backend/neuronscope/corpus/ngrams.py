"""Which tokens, and which runs of tokens, strong values stand on: counts over the contexts of some units."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Gram:
    """A run of token ids, with the maximum, mean and number of the peaks that it ends on."""

    ids: tuple[int, ...]
    max: float
    mean: float
    count: int


def grams_at(
    tokens: NDArray[np.int32],
    special: NDArray[np.bool_],
    keys: NDArray[np.int64],
    starts: NDArray[np.int64],
    n: int,
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """The ``n`` tokens that end at each place, ``[place, n]``, and whether they are a run within one window.

    ``starts`` is where each place's window starts in ``tokens``; a run with a special token (``special[id]``) is none.
    """
    at = keys[:, None] + np.arange(1 - n, 1)
    whole = at[:, 0] >= starts
    ids = tokens[at.clip(min=0)].astype(np.int64)
    return ids, whole & ~special[ids].any(axis=1)


def count_grams(ids: NDArray[np.int64], values: NDArray[np.float32]) -> list[Gram]:
    """Equal rows of ``ids`` ``[place, n]`` together, strongest first; then the more frequent, then the smaller ids."""
    if len(ids) == 0:
        return []
    order = np.lexsort(ids.T[::-1])
    ids, values = ids[order], values[order]
    new = np.concatenate(([True], (ids[1:] != ids[:-1]).any(axis=1)))
    rows, inverse = ids[new], np.cumsum(new) - 1
    strongest = np.maximum.reduceat(values, np.flatnonzero(new))
    count = np.bincount(inverse)
    mean = np.bincount(inverse, values) / count
    order = np.lexsort((*rows.T[::-1], -count, -strongest))
    return [
        Gram(tuple(rows[place].tolist()), float(strongest[place]), float(mean[place]), int(count[place]))
        for place in order.tolist()
    ]
