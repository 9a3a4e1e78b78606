"""What a capture asks for: points and layers, resolved against what a model has."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from neuronscope.core.address import Address, check_layer
from neuronscope.core.errors import BadRequest
from neuronscope.core.points import DEFAULT_CAPTURE_POINTS, POINTS


@dataclass(frozen=True, slots=True)
class CaptureSpec:
    """``points`` are point names or addresses, ``layers`` restrict the bare names; ``None`` means the defaults and all layers."""

    points: tuple[str, ...] | None = None
    layers: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        if self.points is not None and not self.points:
            raise BadRequest("No points are asked for.", "Leave 'points' out for the defaults.")
        if self.layers is not None and not self.layers:
            raise BadRequest("No layers are asked for.", "Leave 'layers' out for all of them.")

    def expand(self, layer_count: int) -> list[Address]:
        """All addresses that this spec names in a model with that many layers, each once, in the order asked.

        Raises :class:`BadAddress` for an unknown point or a layer that the model does not have.
        """
        for layer in self.layers or ():
            check_layer(layer, layer_count)
        found: dict[Address, None] = {}
        for name in self.points or DEFAULT_CAPTURE_POINTS:
            if name in POINTS and POINTS[name].layered:
                layers: Collection[int] = self.layers if self.layers is not None else range(layer_count)
                found.update((Address(name, layer), None) for layer in layers)
                continue
            address = Address.parse(name)
            if address.layer is not None:
                check_layer(address.layer, layer_count)
            found[address] = None
        return list(found)

    def split(self, layer_count: int, refused: Mapping[Address, str]) -> tuple[list[Address], dict[str, str]]:
        """Addresses to tap, and those of a *default* map that the model lacks, with the reasons.

        A point asked for by name that the model lacks is the caller's to refuse: it stays in the first list.
        """
        addresses = self.expand(layer_count)
        if self.points is not None:
            return addresses, {}
        missing = {str(a): refused[a] for a in addresses if a in refused}
        return [a for a in addresses if a not in refused], missing
