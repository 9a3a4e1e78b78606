"""k-means over neurons: scikit-learn's, with clusters numbered by size."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import silhouette_score

from neuronscope.core.errors import BadRequest


@dataclass(frozen=True, slots=True)
class Clustering:
    """``clusters`` has one number a unit, 0 for the largest cluster; ``sizes`` counts each cluster's units."""

    clusters: list[int]
    sizes: list[int]
    inertia: float
    silhouette: float


def run(values: NDArray[np.float64], *, k: int, seed: int, n_init: int) -> Clustering:
    """Cluster the rows of ``[unit, token]``.

    Raises :class:`BadRequest` unless ``k`` is smaller than the number of different rows.
    """
    if k >= len(values):
        raise BadRequest(f"k is {k}, but there are {len(values)} neurons; k is at most {len(values) - 1}.")
    model = KMeans(n_clusters=k, random_state=seed, n_init=n_init)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        try:
            labels = by_size(model.fit_predict(values))
        except ConvergenceWarning:
            raise BadRequest(f"The neurons have fewer than k = {k} different patterns of activity.") from None
    return Clustering(
        clusters=labels.tolist(),
        sizes=np.bincount(labels).tolist(),
        inertia=float(model.inertia_),
        silhouette=float(silhouette_score(values, labels)),
    )


def by_size(labels: NDArray[np.int32]) -> NDArray[np.int64]:
    """The same clusters, numbered from the largest; among equals, from the one with the earliest member."""
    found, first, inverse, count = np.unique(labels, return_index=True, return_inverse=True, return_counts=True)
    rank = np.empty(len(found), np.int64)
    rank[np.lexsort((first, -count))] = np.arange(len(found))
    return rank[inverse]
