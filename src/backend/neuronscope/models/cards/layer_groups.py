"""Which layers are alike, so that each kind of block is drawn once; and the order in which the kinds follow each other."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from torch import nn

from neuronscope.core.address import Address
from neuronscope.core.points import POINTS
from neuronscope.models.anatomy import Anatomy
from neuronscope.models.inspection.structure import linear_sizes

LONGEST_PATTERN = 8
"""Kinds that a repeating pattern may hold: the hybrids of the installed transformers repeat after 8 layers at most."""


@dataclass(frozen=True, slots=True)
class Run:
    """Kinds (places in the list of kinds) that follow each other in this order, so many times over."""

    kinds: list[int]
    times: int


def alike(anatomy: Anatomy, config: object) -> list[list[int]]:
    """Layers by kind, in order of first appearance: the same modules in the same shapes, serving the same points."""
    groups: dict[Hashable, list[int]] = {}
    types = getattr(config, "layer_types", None)
    for layer, block in enumerate(anatomy.blocks):
        shape = tuple((name, type(m).__name__, _shape(m)) for name, m in block.module.named_modules())
        served = tuple(_state(anatomy, Address(name, layer)) for name, row in POINTS.items() if row.layered)
        stated = str(types[layer]) if isinstance(types, list | tuple) and layer < len(types) else ""
        windows = tuple(str(getattr(m, "sliding_window", "")) for m in block.module.modules())
        kind = anatomy.kinds[layer] if layer < len(anatomy.kinds) else ""
        groups.setdefault((shape, served, stated, windows, kind), []).append(layer)
    return list(groups.values())


def _shape(module: nn.Module) -> tuple[object, ...]:
    own = tuple(tuple(p.shape) for p in module.parameters(recurse=False))
    return (linear_sizes(module), own)


def _state(anatomy: Anatomy, address: Address) -> tuple[object, ...]:
    site = anatomy.sites.get(address)
    return (site.side,) if site is not None else (None, anatomy.refused.get(address))


def stack(groups: Sequence[Sequence[int]]) -> list[Run]:
    """The kinds from the first block to the last, shortest first: a repeating pattern where there is one, else runs."""
    order = {layer: kind for kind, layers in enumerate(groups) for layer in layers}
    kinds = [order[layer] for layer in sorted(order)]
    for period in range(1, min(LONGEST_PATTERN, len(kinds) // 2) + 1):
        if all(kind == kinds[at % period] for at, kind in enumerate(kinds)):
            times, rest = divmod(len(kinds), period)
            return [Run(kinds[:period], times), *([Run(kinds[:rest], 1)] if rest else [])]
    runs: list[Run] = []
    for kind in kinds:
        if runs and runs[-1].kinds == [kind]:
            runs[-1] = Run([kind], runs[-1].times + 1)
        else:
            runs.append(Run([kind], 1))
    return runs
