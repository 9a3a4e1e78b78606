"""Units as requests name them: by layer and number, which means a neuron, or by their whole name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from neuronscope.api.schemas.common import UnitRequest, UnitsRequest
from neuronscope.api.services import Services
from neuronscope.core.address import Address, Unit
from neuronscope.core.errors import BadRequest
from neuronscope.core.points import NEURONS

if TYPE_CHECKING:
    from neuronscope.corpus.index import Index


def unit_of(request: UnitRequest) -> Unit:
    """The unit that a request names. Raises :class:`BadAddress` or :class:`BadRequest` where it names none."""
    found = named(request.layer, request.unit)
    if request.layer not in (None, found.address.layer):
        raise BadRequest(f"{found} is not in layer {request.layer}.", "Leave out the layer.")
    return found


def named(layer: int | None, unit: int | str) -> Unit:
    """A unit by its name, or a neuron by layer and number."""
    if isinstance(unit, int):
        if layer is None:
            raise BadRequest(
                f"Unit {unit} needs a layer.", f"For example layer=3&unit={unit}, or unit=mlp_act.3:{unit}."
            )
        return Unit(Address(NEURONS, layer), unit)
    return Unit.parse(unit)


def asked_of(
    services: Services, request: UnitsRequest, model_id: str | None, index_id: str | None
) -> tuple[Index, list[Unit]]:
    """The index that answers about one unit, several or a group, and those units: each once, by point, layer and number."""
    if sum(one is not None for one in (request.unit, request.units, request.group_id)) != 1:
        raise BadRequest(
            "Say which: one of 'unit', 'units' and 'group_id'.",
            "For example unit=42, or units=mlp_act.3:1,mlp_act.3:2.",
        )
    if request.group_id is not None:
        index, units = services.shelf.choose_for_group(request.group_id, model_id, index_id)
    else:
        asked = request.units if request.unit is None else [request.unit]
        units = [named(request.layer, unit) for unit in asked or ()]
        index = services.shelf.choose(model_id, index_id, {unit.address for unit in units})
    return index, sorted(set(units), key=lambda unit: (unit.address.point, unit.address.layer or 0, unit.index))


def place_of(unit: Unit) -> dict[str, Any]:
    """A unit's point, layer and number, as answers have them."""
    return {"point": unit.address.point, "layer": unit.address.layer, "unit": unit.index}
