"""Units as requests name them: by layer and number, which means a neuron, or by their whole name."""

from __future__ import annotations

from typing import Any

from neuronscope.api.schemas.common import UnitRequest
from neuronscope.core.address import Address, Unit
from neuronscope.core.errors import BadRequest
from neuronscope.core.points import NEURONS


def unit_of(request: UnitRequest) -> Unit:
    """The unit that a request names. Raises :class:`BadAddress` or :class:`BadRequest` where it names none."""
    return named(request.layer, request.unit)


def named(layer: int | None, unit: int | str) -> Unit:
    """A unit by its name, or a neuron by layer and number."""
    if isinstance(unit, int):
        if layer is None:
            raise BadRequest(
                f"Unit {unit} of which layer?", f"For example layer=3&unit={unit}, or unit=mlp_act.3:{unit}."
            )
        return Unit(Address(NEURONS, layer), unit)
    found = Unit.parse(unit)
    if layer not in (None, found.address.layer):
        raise BadRequest(f"{unit} is not in layer {layer}.", "Leave out the layer.")
    return found


def place_of(unit: Unit) -> dict[str, Any]:
    """A unit's point, layer and number, as answers have them."""
    return {"point": unit.address.point, "layer": unit.address.layer, "unit": unit.index}
