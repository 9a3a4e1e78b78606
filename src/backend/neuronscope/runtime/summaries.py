"""Short answers about a trace: its strongest units, a row per layer, and the matrix that an analysis takes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neuronscope.capture.reduce import tensor_stats
from neuronscope.core.address import Address, Unit
from neuronscope.core.errors import BadAddress, NotCaptured
from neuronscope.core.points import POINTS
from neuronscope.traces.store import Trace

RANKINGS = {
    "max": lambda values: values.max(axis=0),
    "variance": lambda values: values.var(axis=0),
    "mean_abs": lambda values: np.abs(values).mean(axis=0),
}
"""How units are ranked: from ``[position, unit]`` to one number per unit."""
PER_TOKEN = {
    "max": lambda values: values.max(axis=1),
    "mean_abs": lambda values: np.abs(values).mean(axis=1),
    "l2": lambda values: np.sqrt(np.square(values).sum(axis=1)),
}
"""How a layer is summed up on a token: from ``[position, unit]`` to one number per position."""


@dataclass(frozen=True, slots=True)
class LayerSummary:
    """One layer of a point: statistics over all but the special tokens, and a number ``[position]`` per token."""

    layer: int
    stats: dict[str, float]
    per_token: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Matrix:
    """Rows for an analysis: ``values`` is float32 ``[unit, sample]``, ``units`` names the rows as ``mlp_act.3:17``."""

    units: list[str]
    values: NDArray[np.float32]


def plain_positions(trace: Trace, rows: int) -> NDArray[np.bool_]:
    """``[position]``: which rows of a tensor count. Special tokens drown the rest; where there are no others, all of them do."""
    plain = np.array([not token.special for token in trace.tokens_of(rows)], dtype=bool)
    return plain if plain.any() else np.ones_like(plain)


def unit_values(trace: Trace, address: str) -> NDArray[np.float32]:
    """The tensor of an address as ``[position, unit]``; :class:`BadAddress` for a point that has no single units."""
    place = Address.parse(address)
    Unit(place, 0)
    return trace[place]


def top_units(trace: Trace, address: str, top: int, by: str) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The ``top`` strongest units ``[unit]`` of a tensor, ties by index, and their values ``[unit, position]``."""
    values = unit_values(trace, address)
    scores = np.nan_to_num(RANKINGS[by](values[plain_positions(trace, len(values))].astype(np.float64)), nan=-np.inf)
    units = np.argsort(-scores, kind="stable")[:top]
    return units, values[:, units].T


def layer_rows(trace: Trace, point: str, by: str) -> Iterator[LayerSummary]:
    """A row for each layer of a point that the trace keeps."""
    for address in point_addresses(trace, point, None):
        values = unit_values(trace, str(address))
        if address.layer is None:
            raise BadAddress(f"'{point}' has no layers.", "Ask for its heatmap.")
        numbers = PER_TOKEN[by](values.astype(np.float64))
        yield LayerSummary(address.layer, tensor_stats(values[plain_positions(trace, len(values))]), numbers)


def trace_matrix(trace: Trace, point: str, layers: Sequence[int] | None) -> Matrix:
    """Units of a point's layers by the trace's non-special tokens, layer after layer.

    Raises :class:`NotCaptured` where the trace keeps none of them.
    """
    blocks, names = [], []
    for address in point_addresses(trace, point, layers):
        values = unit_values(trace, str(address))
        blocks.append(values[plain_positions(trace, len(values))].T)
        names += [f"{address}:{index}" for index in range(values.shape[1])]
    return Matrix(names, np.ascontiguousarray(np.concatenate(blocks), dtype=np.float32))


def point_addresses(trace: Trace, point: str, layers: Sequence[int] | None) -> list[Address]:
    """The addresses of a point that the trace keeps, in the order of its layers.

    Raises :class:`BadAddress` for an unknown point, :class:`NotCaptured` where one asked for is not kept.
    """
    if point not in POINTS:
        Address.parse(point)
        raise BadAddress(f"'{point}' names a layer; give the point alone.", "For example mlp_act.")
    row = POINTS[point]
    if not row.layered:
        return [Address(point)]
    kept = sorted(a.layer for a in map(Address.parse, trace.points) if a.point == point and a.layer is not None)
    wanted = kept if layers is None else sorted(set(layers))
    missing = [layer for layer in wanted if layer not in kept]
    if missing or not wanted:
        name = f"{point}.{missing[0]}" if missing else point
        raise NotCaptured(f"This trace did not keep {name}.", "Capture again with this point.")
    return [Address(point, layer) for layer in wanted]
