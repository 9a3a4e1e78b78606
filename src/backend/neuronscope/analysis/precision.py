"""What another precision does to neurons: two tables of activations of the same tokens, compared unit by unit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neuronscope.core.errors import BadRequest

TOP_K = 10
LOW = 0.9
"""Below this correlation a neuron counts as changed."""

FIELDS = np.dtype(
    [
        ("layer", "<i4"),
        ("unit", "<i4"),
        ("correlation", "<f4"),
        ("mean_shift", "<f4"),
        ("relative_error", "<f4"),
        ("rank_change", "<i4"),
        ("top_shared", "<f4"),
        ("mean_a", "<f4"),
        ("mean_b", "<f4"),
        ("max_a", "<f4"),
        ("max_b", "<f4"),
        ("finite", "?"),
    ]
)
"""One row per neuron; what can't be said of it (a correlation with a constant) is NaN."""


@dataclass(frozen=True, slots=True)
class LayerEffect:
    """A layer in one row; see :func:`layer_effect`."""

    layer: int
    neurons: int
    median_correlation: float | None
    worst_correlation: float | None
    low_share: float
    relative_error: float | None
    median_shift: float | None
    top_shared: float
    not_finite: int


def neuron_effects(layer: int, a: NDArray[np.float32], b: NDArray[np.float32], k: int = TOP_K) -> NDArray[np.void]:
    """Rows of :data:`FIELDS` for every neuron of a layer from its activations ``[token, neuron]`` in two precisions.

    Correlation is Pearson's over tokens. The mean shift is in standard deviations of ``a`` (population). Rank is by
    mean size of activation within the layer, 0 the strongest. ``top_shared`` is the share of the ``k`` strongest tokens
    (largest signed value, earlier ones first among equals) that both have.
    Raises :class:`BadRequest` for tables of different shape or fewer than two tokens.
    """
    if a.shape != b.shape or a.ndim != 2 or a.shape[0] < 2:
        raise BadRequest(f"Activations of shapes {a.shape} and {b.shape} can't be compared; two tokens are needed.")
    rows = np.zeros(a.shape[1], dtype=FIELDS)
    rows["layer"], rows["unit"] = layer, np.arange(a.shape[1])
    rows["finite"] = np.isfinite(a).all(axis=0) & np.isfinite(b).all(axis=0)
    x, y = (np.where(rows["finite"], t, 0).astype(np.float64) for t in (a, b))
    mean_x, mean_y = x.mean(axis=0), y.mean(axis=0)
    deviation_x, deviation_y = x.std(axis=0), y.std(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        covariance = ((x - mean_x) * (y - mean_y)).mean(axis=0)
        # Rounding may carry a perfect correlation past 1.
        rows["correlation"] = np.clip(covariance / (deviation_x * deviation_y), -1, 1)
        rows["mean_shift"] = np.where(deviation_x > 0, (mean_y - mean_x) / deviation_x, np.nan)
        rows["relative_error"] = np.linalg.norm(y - x, axis=0) / np.linalg.norm(x, axis=0)
    # Of constants, sums in floating point leave a deviation of almost 0; what they'd correlate with is noise.
    constant = (x == x[:1]).all(axis=0) | (y == y[:1]).all(axis=0)
    rows["correlation"][constant] = np.nan
    rows["mean_shift"][(x == x[:1]).all(axis=0)] = np.nan
    rows["rank_change"] = _ranks(np.abs(y).mean(axis=0)) - _ranks(np.abs(x).mean(axis=0))
    rows["top_shared"] = _shared(x, y, min(k, a.shape[0]))
    rows["mean_a"], rows["mean_b"] = mean_x, mean_y
    rows["max_a"], rows["max_b"] = x.max(axis=0), y.max(axis=0)
    for name in ("correlation", "mean_shift", "relative_error"):
        rows[name][~rows["finite"] | ~np.isfinite(rows[name])] = np.nan
    return rows


def layer_effect(rows: NDArray[np.void], a: NDArray[np.float32], b: NDArray[np.float32]) -> LayerEffect:
    """The layer of ``rows`` in one row; neurons that are not finite are counted and left out of the figures."""
    finite = rows["finite"]
    kept = rows[finite]
    correlation = kept["correlation"][~np.isnan(kept["correlation"])]
    shift = np.abs(kept["mean_shift"][~np.isnan(kept["mean_shift"])])
    length = float(np.linalg.norm(a[:, finite].astype(np.float64)))
    error = float(np.linalg.norm(b[:, finite].astype(np.float64) - a[:, finite]))
    return LayerEffect(
        layer=int(rows["layer"][0]),
        neurons=len(rows),
        median_correlation=float(np.median(correlation)) if len(correlation) else None,
        worst_correlation=float(correlation.min()) if len(correlation) else None,
        low_share=float((correlation < LOW).mean()) if len(correlation) else 0.0,
        relative_error=error / length if length else None,
        median_shift=float(np.median(shift)) if len(shift) else None,
        top_shared=float(kept["top_shared"].mean()) if len(kept) else 0.0,
        not_finite=int((~finite).sum()),
    )


def scatter_choice(correlation: NDArray[np.float32], worst: int = 1000, others: int = 3000) -> NDArray[np.int64]:
    """Which neurons to draw, ascending: the ``worst`` least correlated, and at most ``others`` evenly spaced of the rest."""
    order = np.argsort(correlation, kind="stable")
    rest = np.sort(order[worst:])
    step = max(1, -(-len(rest) // others))
    return np.sort(np.concatenate([order[:worst], rest[::step]]))


def _ranks(size: NDArray[np.float64]) -> NDArray[np.int64]:
    ranks = np.empty(len(size), dtype=np.int64)
    ranks[np.argsort(-size, kind="stable")] = np.arange(len(size))
    return ranks


def _shared(x: NDArray[np.float64], y: NDArray[np.float64], k: int) -> NDArray[np.float64]:
    def strongest(values: NDArray[np.float64]) -> NDArray[np.bool_]:
        mask = np.zeros(values.shape, dtype=bool)
        np.put_along_axis(mask, np.argsort(-values, axis=0, kind="stable")[:k], True, axis=0)
        return mask

    return np.asarray((strongest(x) & strongest(y)).sum(axis=0) / k)
