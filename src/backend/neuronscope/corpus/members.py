"""Several units of an index as one: their z-scores, and what places that were never looked at can reach."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from neuronscope.core.address import Address

if TYPE_CHECKING:
    from neuronscope.corpus.index import Index
    from neuronscope.corpus.opened import Units
    from neuronscope.models.loaded import LoadedModel


class Members:
    """Units of an index, each once, in its order. ``varies`` says which of them do, over the corpus."""

    def __init__(self, index: Index, units: Units) -> None:
        self.index = index
        rows = index.rows(units)
        named = [index.unit_at(row) for row in rows.tolist()]
        self.names = [str(unit) for unit in named]
        self._at: dict[Address, tuple[list[int], list[int]]] = {}
        for place, unit in enumerate(named):
            places, indices = self._at.setdefault(unit.address, ([], []))
            places.append(place)
            indices.append(unit.index)
        self._mean, deviation = index.moments[rows, 0], index.moments[rows, 1]
        self.varies = deviation > 0
        self._scale = np.where(self.varies, 1 / np.where(self.varies, deviation, 1), 0.0)
        values, self._keys = index.kept(rows)
        self._z = self.z(values.T).T
        # A list that is not full holds every place that counts: there are no others.
        full = (self._keys[:, -1] >= 0) | ~self.varies
        self._floors = np.where(full, np.where(self.varies, self._z[:, -1], 0.0), -np.inf)

    def z(self, values: NDArray[np.float32]) -> NDArray[np.float64]:
        """z-scores of values ``[…, member]``: distances from the mean over the corpus, in standard deviations."""
        with np.errstate(invalid="ignore"):
            found: NDArray[np.float64] = np.where(self.varies, (values - self._mean) * self._scale, 0.0)
        return found

    def score(self, values: NDArray[np.float32]) -> NDArray[np.float64]:
        """Means of the z-scores of values ``[…, member]``."""
        found: NDArray[np.float64] = self.z(values).mean(axis=-1)
        return found

    def values(self, loaded: LoadedModel, rows: Sequence[Sequence[int]]) -> NDArray[np.float32]:
        """Values ``[row, position, member]`` of one forward pass over rows of token ids."""
        from neuronscope.corpus.rerun import values_at

        grids = values_at(loaded, rows, self._at)
        found = np.zeros((len(rows), max(map(len, rows)), len(self.names)), np.float32)
        for address, (places, indices) in self._at.items():
            found[..., places] = grids[address][..., indices].float().cpu().numpy()
        return found

    @property
    def elsewhere(self) -> float:
        """What no place scores above that none of the members kept; -inf where there is none."""
        return float(self._floors.mean())

    def candidates(self) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Windows that hold a kept place of a member that varies, and what no place in each scores above; highest first."""
        member, slot = np.nonzero((self._keys >= 0) & self.varies[:, None])
        keys, place = np.unique(self._keys[member, slot], return_inverse=True)
        bounded = np.isfinite(self._floors)
        floors = np.where(bounded, self._floors, 0.0)
        # A member that kept the place scores as it did there; every other one scores at most its floor.
        most = floors.sum() + np.bincount(place, self._z[member, slot] - floors[member], len(keys))
        unknown = (~bounded).sum() - np.bincount(place, ~bounded[member], len(keys))
        most[unknown > 0] = -np.inf
        numbers, which = np.unique(self.index.window_of(keys)[0], return_inverse=True)
        best = np.full(len(numbers), self.elsewhere)
        np.maximum.at(best, which, most / len(self.names))
        order = np.lexsort((numbers, -best))
        return numbers[order], best[order]
