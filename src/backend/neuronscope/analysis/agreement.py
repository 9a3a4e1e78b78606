"""How well a clustering of neurons agrees with the known parts of a corpus, and whether chance could do as well."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import adjusted_mutual_info_score

from neuronscope.core.errors import BadRequest


@dataclass(frozen=True, slots=True, eq=False)
class Agreement:
    """Adjusted mutual information of clusters and parts, and ``[shuffle]`` the same with the parts shuffled."""

    score: float
    shuffled: NDArray[np.float64]

    def quantile(self, share: float) -> float:
        """The value that this share of the shuffles stays below."""
        return float(np.quantile(self.shuffled, share))


def selectivity(values: NDArray[np.floating], parts: Sequence[str], names: Sequence[str]) -> NDArray[np.float64]:
    """Mean z-scored activation ``[unit, part]`` of ``values`` ``[unit, token]`` over the tokens of each named part.

    Units that never change have zeros. Raises :class:`BadRequest` for a part without a token.
    """
    labels = np.array(parts)
    table = np.asarray(values, np.float64)
    deviation = table.std(axis=1, keepdims=True)
    scores = np.divide(
        table - table.mean(axis=1, keepdims=True), deviation, where=deviation > 0, out=np.zeros_like(table)
    )
    columns = []
    for name in names:
        inside = labels == name
        if not inside.any():
            raise BadRequest(f"No token of the sample belongs to the part '{name}'.", "Take a larger sample.")
        columns.append(scores[:, inside].mean(axis=1))
    return np.stack(columns, axis=1)


def parts_of(values: NDArray[np.floating], parts: Sequence[str]) -> list[str]:
    """Each unit's part: the one with the highest mean z-scored activation. Tokens labelled ``""`` belong to none."""
    names = sorted({part for part in parts if part})
    if not names:
        raise BadRequest("The tokens carry no labels of parts.", "Use an index of the bundled corpus.")
    return [names[best] for best in selectivity(values, parts, names).argmax(axis=1).tolist()]


def agreement(clusters: Sequence[int], parts: Sequence[str], shuffles: int = 1000, seed: int = 0) -> Agreement:
    """Adjusted mutual information (Vinh et al. 2010) of two labellings of the same units, against shuffled parts."""
    rng = np.random.default_rng(seed)
    labels = np.unique(np.array(parts), return_inverse=True)[1]
    score = adjusted_mutual_info_score(labels, clusters)
    chance = [adjusted_mutual_info_score(rng.permutation(labels), clusters) for _ in range(shuffles)]
    return Agreement(float(score), np.array(chance))
