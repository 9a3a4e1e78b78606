"""A fixed random sample of the corpus's tokens: chosen by the seed and by where they stand, nothing else."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def place_hash(
    seed: int, doc: NDArray[np.int64], window: NDArray[np.int64], position: NDArray[np.int64]
) -> NDArray[np.uint64]:
    """A hash of each place, uniform over 64 bits: three rounds of SplitMix64's finaliser (Steele et al. 2014)."""
    state = np.full(len(doc), seed, np.uint64)
    for part in (doc, window, position):
        state = (state ^ part.astype(np.uint64)) + np.uint64(0x9E3779B97F4A7C15)
        state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        state ^= state >> np.uint64(31)
    return state


class Sample:
    """Values of all units at the ``size`` tokens of the smallest hashes seen so far, ``[token, unit]`` float32."""

    def __init__(self, size: int, units: int) -> None:
        self.size = size
        self.keys = np.zeros(0, np.int64)
        self.hashes = np.zeros(0, np.uint64)
        self.values = np.zeros((0, units), np.float32)

    def expect(self, keys: NDArray[np.int64], hashes: NDArray[np.uint64]) -> None:
        """Choose anew with these further tokens; values of those chosen among them are to follow by :meth:`fill`."""
        if self.size and len(self.keys) == self.size:
            near = hashes <= self.hashes.max()
            keys, hashes = keys[near], hashes[near]
        if keys.size == 0:
            return
        all_keys = np.concatenate((self.keys, keys))
        all_hashes = np.concatenate((self.hashes, hashes))
        chosen = np.lexsort((all_keys, all_hashes))[: self.size]
        chosen = chosen[np.argsort(all_keys[chosen])]
        values = np.zeros((len(chosen), self.values.shape[1]), np.float32)
        old = chosen < len(self.keys)
        values[old] = self.values[chosen[old]]
        self.keys, self.hashes, self.values = all_keys[chosen], all_hashes[chosen], values

    def wanted(self, keys: NDArray[np.int64]) -> NDArray[np.int64]:
        """Which of these ascending keys, by index, belong to the sample."""
        if self.keys.size == 0:
            return np.zeros(0, np.int64)
        at = np.searchsorted(self.keys, keys).clip(max=len(self.keys) - 1)
        return np.flatnonzero(self.keys[at] == keys)

    def fill(self, keys: NDArray[np.int64], first_unit: int, values: NDArray[np.float32]) -> None:
        """Set ``values`` ``[token, unit]`` of chosen tokens for the units from ``first_unit`` on."""
        rows = np.searchsorted(self.keys, keys)
        self.values[rows, first_unit : first_unit + values.shape[1]] = values


def share_below(share: float) -> np.uint64:
    """The hash below which that share of all places lies."""
    return np.uint64(min(2**64 - 1, int(share * 2**64)))
