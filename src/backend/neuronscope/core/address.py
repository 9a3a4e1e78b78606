"""Addresses name one tensor in a forward pass, units one coordinate of it. Strict to parse, safe in URLs and file names."""

from __future__ import annotations

import re
from dataclasses import dataclass

from neuronscope.core.errors import BadAddress
from neuronscope.core.points import POINTS, Point

_ADDRESS = re.compile(r"([a-z][a-z0-9_]*)(?:\.(0|[1-9][0-9]{0,4}))?")
_UNIT = re.compile(r"([a-z0-9_.]+):(0|[1-9][0-9]{0,7})")


@dataclass(frozen=True, slots=True)
class Address:
    """A hook point and, for points that every block has, a layer: ``mlp_act.7``, ``ln_f``."""

    point: str
    layer: int | None = None

    def __post_init__(self) -> None:
        row = POINTS.get(self.point)
        if row is None:
            raise BadAddress(f"There is no hook point '{self.point}'.", "Points: " + ", ".join(POINTS) + ".")
        if row.layered and self.layer is None:
            raise BadAddress(f"'{self.point}' exists in every layer; say which.", f"For example {self.point}.0.")
        if not row.layered and self.layer is not None:
            raise BadAddress(f"'{self.point}' has no layers.", f"Write it as {self.point}.")

    @classmethod
    def parse(cls, text: str) -> Address:
        """Read ``point`` or ``point.layer``; anything else is a :class:`BadAddress`."""
        match = _ADDRESS.fullmatch(text)
        if match is None:
            raise BadAddress(
                f"'{text[:60]}' is not an address.", "An address is point or point.layer: mlp_act.7, ln_f."
            )
        point, layer = match.groups()
        return cls(point, None if layer is None else int(layer))

    @property
    def row(self) -> Point:
        """The point's row in the table."""
        return POINTS[self.point]

    def __str__(self) -> str:
        return self.point if self.layer is None else f"{self.point}.{self.layer}"


@dataclass(frozen=True, slots=True)
class Unit:
    """One coordinate of a ``[position, unit]`` tensor: ``mlp_act.7:42``."""

    address: Address
    index: int

    def __post_init__(self) -> None:
        if not self.address.row.has_units:
            axes = " × ".join(self.address.row.axes)
            raise BadAddress(f"'{self.address.point}' has axes {axes}, so it has no single units.")

    @classmethod
    def parse(cls, text: str) -> Unit:
        """Read ``address:index``; anything else is a :class:`BadAddress`."""
        match = _UNIT.fullmatch(text)
        if match is None:
            raise BadAddress(f"'{text[:60]}' is not a unit.", "A unit is address:index, for example mlp_act.7:42.")
        return cls(Address.parse(match[1]), int(match[2]))

    def __str__(self) -> str:
        return f"{self.address}:{self.index}"


def check_layer(layer: int, layer_count: int) -> None:
    """Raises :class:`BadAddress`, with the range, for a layer that a model of so many lacks."""
    if not 0 <= layer < layer_count:
        raise BadAddress(
            f"Layer {layer} is out of range: this model has {layer_count} layers.",
            f"Layers are 0 to {layer_count - 1}.",
        )
