"""Principal components of neurons: scikit-learn's, by a full singular value decomposition."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA

from neuronscope.core.errors import BadRequest


@dataclass(frozen=True, slots=True)
class Components:
    """``coordinates`` ``[unit][component]``, ``explained`` the share of the variance along each component."""

    coordinates: list[list[float]]
    explained: list[float]


def run(values: NDArray[np.float64], *, components: int) -> Components:
    """Lay out the rows of ``[unit, token]``.

    Raises :class:`BadRequest` where there are fewer neurons or tokens than components.
    """
    most = min(values.shape)
    if components > most:
        raise BadRequest(
            f"components is {components}, but {values.shape[0]} neurons on {values.shape[1]} tokens have at most {most}."
        )
    model = PCA(n_components=components, svd_solver="full")
    coordinates = model.fit_transform(values)
    return Components(coordinates.tolist(), model.explained_variance_ratio_.tolist())
