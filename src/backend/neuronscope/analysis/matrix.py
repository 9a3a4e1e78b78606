"""From raw activations to the table that an analysis works on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neuronscope.core.errors import BadRequest

FEWEST_UNITS = 4
FEWEST_TOKENS = 2


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """``values`` ``[unit, token]`` float64 of the chosen ``rows`` (ascending); ``constant`` are rows that never change."""

    values: NDArray[np.float64]
    rows: NDArray[np.int64]
    constant: NDArray[np.int64]


def prepare(values: NDArray[np.floating[Any]], *, max_units: int, normalise: str = "zscore") -> Prepared:
    """Choose and normalise units of ``[unit, token]``.

    Constant units are dropped; of the others the ``max_units`` of the largest variance are kept, the earlier ones among
    equals. ``normalise`` is none, zscore (each unit's mean 0, population deviation 1) or unit (each unit's length 1).
    Raises :class:`BadRequest` for values that are not finite, or with too few units or tokens.
    """
    if values.ndim != 2 or values.shape[1] < FEWEST_TOKENS:
        tokens = values.shape[1] if values.ndim == 2 else 0
        raise BadRequest(f"There are activations of {tokens} tokens; an analysis needs {FEWEST_TOKENS}.")
    if not np.isfinite(values).all():
        raise BadRequest("Some activations are infinite or not a number.", "Load the model in float32.")
    constant = values.min(axis=1) == values.max(axis=1)
    varying = np.flatnonzero(~constant)
    if len(varying) < FEWEST_UNITS:
        raise BadRequest(f"Only {len(varying)} neurons change at all; an analysis needs {FEWEST_UNITS}.")
    variance = values[varying].var(axis=1, dtype=np.float64)
    rows = np.sort(varying[np.argsort(-variance, kind="stable")[:max_units]])
    return Prepared(normalised(values[rows].astype(np.float64), normalise), rows, np.flatnonzero(constant))


def normalised(values: NDArray[np.float64], how: str) -> NDArray[np.float64]:
    """``[unit, token]`` with each unit normalised over its tokens; none may be constant."""
    if how == "zscore":
        centred = values - values.mean(axis=1, keepdims=True)
        return np.asarray(centred / values.std(axis=1, keepdims=True))
    if how == "unit":
        return np.asarray(values / np.linalg.norm(values, axis=1, keepdims=True))
    if how == "none":
        return values
    raise BadRequest(f"'{how[:40]}' is no way to normalise; there are none, zscore and unit.")
