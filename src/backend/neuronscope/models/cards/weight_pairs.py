"""Neurons that are dead or duplicates by their weights alone, found exactly."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

COSINE = 0.99
"""Two neurons count as duplicates where each of their input rows and their output columns agree at least so well."""
BLOCK = 512
"""Neurons compared with all others at once."""
SKETCH = 128
"""Directions that the vectors are first compared in. See :func:`duplicates`."""
SLACK = 1e-4
"""What float32 may add to a cosine: candidates within it are kept, then judged in full."""


@dataclass(frozen=True, slots=True)
class Dead:
    """A neuron that can't act, and which of its weights is the reason."""

    neuron: int
    reason: str


@dataclass(frozen=True, slots=True)
class Duplicate:
    """Two neurons of one layer; ``cosine_in`` is the smallest over their input rows, ``cosine_out`` of their columns."""

    first: int
    second: int
    cosine_in: float
    cosine_out: float


def dead(inputs: dict[str, Tensor], outputs: Tensor, rounding: float) -> list[Dead]:
    """Neurons with a row or column of zeros, to ``rounding`` relative to the median norm of its kind.

    ``inputs`` maps names such as ``gate`` to ``[neuron, d]``, ``outputs`` is ``[neuron, d]``. A neuron without an
    output writes nothing; one without an input row does not depend on the stream.
    """
    found: dict[int, str] = {}
    kinds = [("output column", outputs), *((f"{name} row", rows) for name, rows in inputs.items())]
    for name, rows in kinds:
        norms = torch.linalg.vector_norm(rows, dim=1)
        limit = rounding * float(norms.median())
        for neuron in torch.nonzero(norms <= limit).flatten().tolist():
            found.setdefault(neuron, f"its {name} is zero")
    return [Dead(neuron, found[neuron]) for neuron in sorted(found)]


def duplicates(
    inputs: Sequence[Tensor], outputs: Tensor, skip: Sequence[int] = (), check: Callable[[], None] | None = None
) -> list[Duplicate]:
    """Every pair of neurons whose rows and columns agree to :data:`COSINE`, none missed.

    All vectors are turned by one random rotation, which changes no distance, and cut to their first :data:`SKETCH`
    coordinates. The distance of two cut vectors is never larger than that of the whole ones, so a pair whose cut
    vectors are further apart than ``COSINE`` allows is no duplicate; only the few others are compared in full. For a
    gated layer of 11,008 neurons of width 4,096 that is 2e10 multiplications for the rotation and 2e10 for the
    pairs, against 7e11 of comparing all in full.
    """
    parts = [_unit(part) for part in (*inputs, outputs)]
    alive = torch.ones(outputs.shape[0], dtype=torch.bool, device=outputs.device)
    alive[list(skip)] = False
    kept = torch.nonzero(alive).flatten()
    sketch = torch.cat([_sketch(part[kept]) for part in parts], dim=1)
    limit = len(parts) * 2 * (1 - COSINE + SLACK)
    lengths = sketch.square().sum(dim=1)
    found: list[Duplicate] = []
    for start in range(0, len(kept), BLOCK):
        if check is not None:
            check()
        rows = sketch[start : start + BLOCK]
        apart = lengths[start : start + BLOCK, None] + lengths[None, start:] - 2 * rows @ sketch[start:].T
        near = torch.nonzero(torch.triu(apart <= limit, diagonal=1))
        for chunk in near.split(1 << 16):
            found += _judge(parts, kept[chunk[:, 0] + start], kept[chunk[:, 1] + start])
    return found


def _judge(parts: Sequence[Tensor], first: Tensor, second: Tensor) -> list[Duplicate]:
    cosines = torch.stack([(part[first] * part[second]).sum(dim=1) for part in parts])
    same = torch.nonzero(cosines.min(dim=0).values >= COSINE).flatten().tolist()
    return [
        Duplicate(
            int(first[at]), int(second[at]), min(1.0, float(cosines[:-1, at].min())), min(1.0, float(cosines[-1, at]))
        )
        for at in same
    ]


def _unit(rows: Tensor) -> Tensor:
    return torch.nn.functional.normalize(rows.float(), dim=1)


def _sketch(rows: Tensor) -> Tensor:
    width = rows.shape[1]
    if width <= 2 * SKETCH:
        return rows
    generator = torch.Generator().manual_seed(0)
    directions = torch.linalg.qr(torch.randn(width, SKETCH, generator=generator)).Q
    cut: Tensor = rows @ directions.to(rows.device)
    return cut
