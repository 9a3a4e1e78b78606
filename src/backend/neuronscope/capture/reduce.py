"""Statistics of one tensor: what every step keeps, whatever else is dropped."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from neuronscope.core.stats import STATS

SPARSE_BELOW = 1e-3


def tensor_stats(values: NDArray[np.float32]) -> dict[str, float]:
    """mean, std (population), min, max, l2, sparsity (share of |x| < 1e-3 · max|x|) and p99 over all values, in float64."""
    flat = np.asarray(values, dtype=np.float64).ravel()
    if flat.size == 0:
        return dict.fromkeys(STATS, 0.0)
    magnitude = np.abs(flat)
    return {
        "mean": float(flat.mean()),
        "std": float(flat.std()),
        "min": float(flat.min()),
        "max": float(flat.max()),
        "l2": float(np.sqrt(np.square(flat).sum())),
        "sparsity": float(np.mean(magnitude < SPARSE_BELOW * magnitude.max())),
        "p99": float(np.percentile(flat, 99)),
    }
