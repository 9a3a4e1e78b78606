"""Which box of a block's diagram a hook point is drawn at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from torch import nn

from neuronscope.core.address import Address
from neuronscope.core.points import POINTS
from neuronscope.models.anatomy import Anatomy


@dataclass(frozen=True, slots=True)
class PointAt:
    """A hook point drawn at a node; ``refused`` is why it is not served there, ``None`` where it is."""

    point: str
    refused: str | None


HOMES = {
    "resid_pre": ("in",),
    "ln1": ("norm-attention", "attention", "mixer"),
    "q": ("q", "qkv", "attention", "mixer"),
    "k": ("k", "qkv", "attention", "mixer"),
    "v": ("v", "qkv", "attention", "mixer"),
    "attn_weights": ("attention", "mixer"),
    "head_norm": ("attn-out", "attention", "mixer"),
    "attn_out": ("attn-out", "attention", "mixer"),
    "attn_add": ("post-attention", "attn-out", "attention", "mixer"),
    "resid_mid": ("add-attention", "add"),
    "ln2": ("norm-mlp", "mlp-in", "gate", "gate-up"),
    "mlp_pre": ("mlp-in", "gate", "gate-up", "mix", "experts", "mlp"),
    "mlp_gate": ("gate", "gate-up", "mlp-in", "mix", "experts", "mlp"),
    "mlp_up": ("up", "gate-up", "mlp-in", "mix", "experts", "mlp"),
    "mlp_act": ("act", "mix", "experts", "mlp"),
    "mlp_out": ("mlp-out", "mix", "experts", "mlp"),
    "mlp_add": ("post-mlp", "mlp-out", "mix", "experts", "mlp"),
    "router": ("router", "act", "mlp"),
    "resid_post": ("out",),
}
"""Boxes that a point belongs to, the first that is drawn."""


def hang(
    anatomy: Anatomy,
    layer: int,
    points: Mapping[str, list[PointAt]],
    drawn: Mapping[nn.Module, str],
) -> list[PointAt]:
    """Put each point of the layer, served or refused, into the list of one box; gives back those that have no box.

    ``points`` are the boxes' lists by id, ``drawn`` the ids by module.
    """
    absent: list[PointAt] = []
    for point in (name for name, row in POINTS.items() if row.layered):
        address = Address(point, layer)
        served = address in anatomy.sites
        refused = None if served else anatomy.refused.get(address, "it was not found by inspection")
        place = next(_places(anatomy, address, points, drawn), "out" if served else None)
        (points[place] if place is not None else absent).append(PointAt(point, refused))
    return absent


def _places(
    anatomy: Anatomy, address: Address, points: Mapping[str, list[PointAt]], drawn: Mapping[nn.Module, str]
) -> Iterator[str]:
    site = anatomy.sites.get(address)
    block = anatomy.blocks[address.layer or 0].module
    # What enters a module is the stream or the neurons before it, which have a box of their own.
    if site is not None and site.side == "output" and site.module is not block and site.module in drawn:
        yield drawn[site.module]
    yield from (home for home in HOMES.get(address.point, ()) if home in points)
