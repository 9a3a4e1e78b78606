"""What a diagram of a block is made of: boxes, arrows, and how a module becomes a box."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from torch import nn

from neuronscope.models.cards.counts import count
from neuronscope.models.cards.diagram_points import PointAt
from neuronscope.models.cards.formulas.evidence import Evidence
from neuronscope.models.inspection.structure import linear_sizes

Role = Literal["stream", "norm", "linear", "attention", "activation", "sum", "mixer", "router", "experts", "other"]
Lane = Literal["stream", "attention", "mlp"]


@dataclass(slots=True)
class Node:
    """One box. ``path`` and ``module`` are empty for what is no module of its own, such as a sum.

    ``shape`` is ``inputs → outputs`` of a linear layer, else the shapes of its own weights. ``inside`` names what a
    box holds that is not drawn on its own.
    """

    id: str
    role: Role
    lane: Lane
    title: str
    path: str = ""
    module: str = ""
    shape: str = ""
    parameters: int = 0
    note: str = ""
    inside: list[str] = field(default_factory=list)
    points: list[PointAt] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Edge:
    """``kind`` is ``residual`` for the stream that passes a part by, ``choice`` for what only directs the flow."""

    source: str
    target: str
    kind: Literal["flow", "residual", "choice"] = "flow"


@dataclass(frozen=True, slots=True)
class BlockDiagram:
    """One kind of block, drawn from its first layer. ``order`` says how its parts follow each other."""

    title: str
    layers: list[int]
    order: str
    nodes: list[Node]
    edges: list[Edge]
    absent: list[PointAt]
    """Points that no box of this block could have, with the reason."""


def box(
    evidence: Evidence, id: str, role: Role, lane: Lane, title: str, module: nn.Module | None, note: str = ""
) -> Node:
    if module is None:
        return Node(id, role, lane, title, note=note)
    return Node(
        id,
        role,
        lane,
        title,
        path=evidence.names.get(module, ""),
        module=type(module).__name__,
        shape=shape_of(module),
        parameters=sum(count(p) for p in module.parameters()),
        note=note,
    )


def shape_of(module: nn.Module) -> str:
    """``64 → 172`` for linear layers of any make, else the shapes of the weights that the module itself holds."""
    sizes = linear_sizes(module)
    if sizes is not None:
        return f"{sizes[0]} → {sizes[1]}"
    own = [(name, p) for name, p in module.named_parameters(recurse=False)]
    if len(own) <= 2 and own and own[0][0] == "weight":
        return " × ".join(str(n) for n in own[0][1].shape)
    return ", ".join(f"{name} {' × '.join(str(n) for n in p.shape)}" for name, p in own)
