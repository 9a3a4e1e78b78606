"""t-SNE of neurons: scikit-learn's, started from their principal components."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.manifold import TSNE

from neuronscope.core.errors import BadRequest


@dataclass(frozen=True, slots=True)
class Layout:
    """``coordinates`` ``[unit][2]``, and the Kullback-Leibler divergence that the layout is left with."""

    coordinates: list[list[float]]
    divergence: float


def run(values: NDArray[np.float64], *, perplexity: float, seed: int, max_iter: int) -> Layout:
    """Lay out the rows of ``[unit, token]``; :class:`BadRequest` unless perplexity is below the number of neurons."""
    if perplexity >= len(values):
        raise BadRequest(f"perplexity is {perplexity:g}, but there are {len(values)} neurons; it must be smaller.")
    model = TSNE(perplexity=perplexity, random_state=seed, max_iter=max_iter, init="pca")
    coordinates = model.fit_transform(values)
    return Layout(np.asarray(coordinates, np.float64).tolist(), float(model.kl_divergence_))
