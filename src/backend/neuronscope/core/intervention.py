"""A change to a run: which units, what is done to them, and at which positions. Checked here as far as no model is needed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, get_args

from neuronscope.core.address import Unit
from neuronscope.core.errors import BadRequest
from neuronscope.core.ids import check_id

Op = Literal["scale", "set", "add", "ablate_zero", "ablate_mean", "patch"]
DOSED = ("set", "add")
"""Operations whose value may be a quantile of the unit's own activations."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where a patch comes from: a step of a trace, and a position of the text that the step consumed."""

    trace_id: str
    step: int
    position: int


@dataclass(frozen=True, slots=True)
class Intervention:
    """CONTRACTS' intervention. ``units`` are ``address:index``, ``positions`` places in the text, or ``last`` of each step.

    ``group_id`` stands for units: those of a saved group, which are put in beside it when the intervention is prepared.
    ``scale`` multiplies by ``value``, ``set`` puts it, ``add`` adds it; ``ablate_zero`` puts 0, ``ablate_mean`` the unit's
    mean over ``reference``, an index; ``patch`` puts what ``source`` held. ``dose_quantile`` stands for a value: the
    quantile of the unit's own activations over ``reference``.
    """

    id: str
    units: tuple[str, ...]
    op: Op
    value: float | None = None
    dose_quantile: float | None = None
    reference: str | None = None
    source: Source | None = None
    positions: Literal["last", "all"] | tuple[int, ...] = "all"
    override_protection: bool = False
    group_id: str | None = None

    def __post_init__(self) -> None:
        if self.op not in get_args(Op):
            raise self._wrong(
                f"has no operation '{str(self.op)[:40]}'", "It is one of " + ", ".join(get_args(Op)) + "."
            )
        if not self.units and self.group_id is None:
            raise self._wrong(
                "names no units", "A unit is address:index, for example mlp_act.7:42; or name a group_id."
            )
        if self.group_id is not None:
            check_id(self.group_id, "g")
        for unit in self.units:
            Unit.parse(unit)
        if len(set(self.units)) < len(self.units):
            raise self._wrong(
                "names a unit twice", "Name each once; interventions in a row are applied in their order."
            )
        for name, number in (("value", self.value), ("dose_quantile", self.dose_quantile)):
            if number is not None and not _is_number(number):
                raise self._wrong(f"has a {name} that is no number", "Give a finite number.")
        self._check_value()
        self._check_positions()

    def _check_value(self) -> None:
        given = [name for name in ("value", "dose_quantile") if getattr(self, name) is not None]
        wanted = {"scale": ("value",), "set": ("value", "dose_quantile"), "add": ("value", "dose_quantile")}.get(
            self.op, ()
        )
        if wanted and len(given) != 1:
            raise self._wrong(f"needs {' or '.join(wanted)}", f"{self.op} takes one of them.")
        if not set(given) <= set(wanted):
            raise self._wrong(f"takes no {given[0]}", f"{self.op} needs none.")
        if self.dose_quantile is not None and not 0 <= self.dose_quantile <= 1:
            raise self._wrong("has a dose_quantile outside 0 to 1", "0.5 is the median, 1 the largest value.")
        if (self.op == "ablate_mean" or self.dose_quantile is not None) and self.reference is None:
            raise self._wrong("needs a reference", "Means and quantiles come from an index; name its id as reference.")
        if self.reference is not None:
            check_id(self.reference, "x")
        if (self.op == "patch") != (self.source is not None):
            raise self._wrong("needs a source" if self.op == "patch" else "takes no source", "Only patch has one.")
        if self.source is not None:
            check_id(self.source.trace_id, "t")

    def _check_positions(self) -> None:
        if isinstance(self.positions, str):
            if self.positions not in ("last", "all"):
                raise self._wrong(f"has positions '{self.positions[:40]}'", "They are last, all, or a list of places.")
        elif not self.positions or not all(_is_whole(place) for place in self.positions):
            raise self._wrong("has positions that are none", "They are last, all, or a list of places, counted from 0.")

    def _wrong(self, what: str, hint: str) -> BadRequest:
        return BadRequest(f"Intervention '{self.id}' {what}.", hint)

    def to_map(self) -> dict[str, Any]:
        """As it stands in events: what was left out stays out."""
        return {key: value for key, value in asdict(self).items() if value is not None and value is not False}


def read_interventions(given: Sequence[Intervention | Mapping[str, Any]]) -> tuple[Intervention, ...]:
    """Interventions from mappings, as they come from a person or a client; those without an id get ``i1``, ``i2`` …

    Raises :class:`BadRequest` for what is wrong, with its id.
    """
    found = tuple(
        one if isinstance(one, Intervention) else _read(one, f"i{number}") for number, one in enumerate(given, start=1)
    )
    ids = [one.id for one in found]
    twice = next((i for i in ids if ids.count(i) > 1), None)
    if twice is not None:
        raise BadRequest(f"Two interventions have the id '{twice}'.", "Give each its own.")
    return found


def _read(given: Mapping[str, Any], number: str) -> Intervention:
    if not isinstance(given, Mapping):
        raise BadRequest("An intervention is an object.", "It holds units and op at least.")
    values = dict(given)
    identity = values.setdefault("id", number)
    if not isinstance(identity, str) or not 0 < len(identity) <= 100:
        raise BadRequest("An intervention's id is a text of at most 100 characters.")
    known = [field.name for field in fields(Intervention)]
    unknown = sorted(set(values) - set(known))
    if unknown:
        raise BadRequest(
            f"Intervention '{identity}' has no '{str(unknown[0])[:60]}'.", "It has " + ", ".join(known) + "."
        )
    if "op" not in values:
        raise BadRequest(f"Intervention '{identity}' has no op.", "It needs an op, and units or a group_id.")
    if (values.get("units") is None) == (values.get("group_id") is None):
        raise BadRequest(f"Intervention '{identity}' needs either units or a group_id.", "Give one of the two.")
    units = values["units"] if values.get("units") is not None else ()
    if isinstance(units, str) or not isinstance(units, Sequence) or not all(isinstance(unit, str) for unit in units):
        raise BadRequest(f"Intervention '{identity}' must list its units.", 'For example ["mlp_act.7:42"].')
    values["units"] = tuple(units)
    positions = values.get("positions", "all")
    if not isinstance(positions, str):
        if not isinstance(positions, Sequence):
            raise BadRequest(
                f"Intervention '{identity}' has positions that are none.", "They are last, all, or a list."
            )
        values["positions"] = tuple(positions)
    if isinstance(values.get("source"), Mapping):
        values["source"] = _read_source(values["source"], identity)
    for name in ("group_id", "reference", "source"):
        wanted = Source if name == "source" else str
        if values.get(name) is not None and not isinstance(values[name], wanted):
            raise BadRequest(f"Intervention '{identity}' has a {name} that is none.")
    if not isinstance(values.get("override_protection", False), bool):
        raise BadRequest(f"Intervention '{identity}' has an override_protection that is neither true nor false.")
    return Intervention(**values)


def _read_source(given: Mapping[str, Any], identity: str) -> Source:
    sound = (
        set(given) == {"trace_id", "step", "position"}
        and isinstance(given["trace_id"], str)
        and _is_whole(given["step"])
        and _is_whole(given["position"])
    )
    if not sound:
        raise BadRequest(f"Intervention '{identity}' has a source that is none.", "It is {trace_id, step, position}.")
    return Source(given["trace_id"], given["step"], given["position"])


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 31
