"""Units that are active together: correlations over an index's sample of its corpus."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neuronscope.core.errors import BadRequest
from neuronscope.corpus.opened import Opened, Units

ROWS = 1 << 12
"""Rows that are read at a time."""
LEAST = 3
"""Tokens below which a correlation says nothing."""


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A unit and its Pearson correlation with what was asked about: -1 where one rises as the other falls."""

    point: str
    layer: int
    unit: int
    correlation: float
    without_peak: float
    """The same without the one token that adds most to it: where little is left, that token is all that the two share."""


class Neighbours(Opened):
    """Questions whose answers are units that go together."""

    def neighbours(self, units: Units, k: int = 20, point: str | None = None) -> list[Neighbour]:
        """The ``k`` units whose values over the corpus sample go most with a unit's, with or against it.

        Several units count as one: the mean of their z-scores over the sample. They themselves, and units that don't
        vary over the sample, are left out; equal ones come in order. ``point`` chooses among whose units (``None``: all
        that are held). Raises :class:`BadRequest` where nothing varies or the sample is too small.
        """
        if k < 1:
            raise BadRequest(f"k is {k}; it is at least 1.")
        size = self.manifest.sample
        if size < LEAST:
            raise BadRequest(
                f"The index keeps a sample of {size} tokens; a correlation needs {LEAST}.", "Build a larger one."
            )
        rows = self.rows(units)
        wanted = normal(normal(self._sample_values[rows]).sum(axis=0, keepdims=True))[0]
        if not wanted.any():
            raise BadRequest("What is asked about does not vary over the index's sample.", "Ask about another unit.")
        keep = np.zeros(self.manifest.total_units, np.bool_)
        for address in self._of_point(point):
            first, count = self._row_range[address]
            keep[first : first + count] = True
        keep[rows] = False
        found = np.full(len(keep), np.nan)
        for first in range(0, len(keep), ROWS):
            block = normal(self._sample_values[first : first + ROWS])
            found[first : first + ROWS] = np.where(block.any(axis=1), block @ wanted, np.nan)
        found[~keep] = np.nan
        there = np.flatnonzero(~np.isnan(found))
        order = there[np.argsort(-np.abs(found[there]), kind="stable")][:k]
        left = without_peak(normal(self._sample_values[order]), wanted)
        return [
            Neighbour(*self._named(row), float(np.clip(found[row], -1, 1)), float(rest))
            for row, rest in zip(order.tolist(), left, strict=True)
        ]


def without_peak(rows: NDArray[np.float64], wanted: NDArray[np.float64]) -> NDArray[np.float64]:
    """Correlations of normal rows with a normal one when the token whose product is largest is left out of both.

    With sums of 0 and squares of 1, leaving out a token of the values a and b takes n/(n-1) times ab, a² and b² away. 0
    where nothing varies without it.
    """
    products = rows * wanted
    at = np.abs(products).argmax(axis=1)
    a, b, share = rows[np.arange(len(rows)), at], wanted[at], len(wanted) / (len(wanted) - 1)
    left = (1 - share * a**2) * (1 - share * b**2)
    rest = products.sum(axis=1) - share * a * b
    varies = left > 1e-12
    found: NDArray[np.float64] = np.where(varies, rest / np.sqrt(np.where(varies, left, 1)), 0.0).clip(-1, 1)
    return found


def normal(values: NDArray[np.float32] | NDArray[np.float64]) -> NDArray[np.float64]:
    """Rows without their mean, of length 1; zeros where a row does not vary or is no number."""
    centred = values.astype(np.float64)
    with np.errstate(invalid="ignore", over="ignore"):
        size = np.abs(centred).max(axis=1, keepdims=True)
        centred -= centred.mean(axis=1, keepdims=True)
        length = np.sqrt(np.square(centred).sum(axis=1, keepdims=True))
        # Below the roundings of the mean a row does not vary.
        varies = np.isfinite(length) & (length > 1e-12 * size * np.sqrt(values.shape[1]))
        found: NDArray[np.float64] = np.where(varies, centred / np.where(varies, length, 1), 0.0)
    return found
