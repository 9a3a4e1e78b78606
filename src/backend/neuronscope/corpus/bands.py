"""Which places of a sample to show: the strongest, the middling, any, or those where a unit is as good as silent."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

BANDS = ("top", "middle", "random", "near_zero", "quantile")


def in_band(
    values: NDArray[np.float32], band: str, k: int, shares: tuple[float, float], seed: Sequence[int]
) -> NDArray[np.int64]:
    """At most ``k`` places of ``values`` in a band of :data:`BANDS`, strongest first, then in order of place.

    ``shares`` bound the band ``"quantile"``; ``seed`` chooses the random ones.
    """
    order = np.argsort(-values, kind="stable")
    if band == "top":
        return order[:k]
    if band == "random":
        chosen = np.random.default_rng(list(seed)).permutation(len(values))[:k]
    elif band == "near_zero":
        chosen = np.argsort(np.abs(values), kind="stable")[:k]
    elif band == "middle":
        above = int((values > 0).sum())
        count = above or len(values)
        first = max(0, count // 2 - k // 2)
        chosen = order[first : min(first + k, count)]
    else:
        # Shares are counted from the weakest value on.
        first, last = (round(len(values) * (1 - share)) for share in reversed(shares))
        band_of = order[first:last]
        chosen = band_of[np.unique(np.linspace(0, len(band_of) - 1, min(k, len(band_of))).round().astype(np.int64))]
    found: NDArray[np.int64] = chosen[np.lexsort((chosen, -values[chosen]))]
    return found
