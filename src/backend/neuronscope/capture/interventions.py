"""Interventions in force on a model: hooks that change units in place of the model's own values, and their receipts."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from neuronscope.capture.edits import Edit, Tally
from neuronscope.capture.values import Lookup, put_values, with_units
from neuronscope.capture.writing import on_input, on_output, writable_site
from neuronscope.core.address import Address, Unit
from neuronscope.core.errors import ProtectedUnit
from neuronscope.core.intervention import Intervention
from neuronscope.models.anatomy import Site
from neuronscope.models.inspection.probe import hidden_of, with_batch
from neuronscope.models.loaded import LoadedModel

NOT_HERE = "none of its positions is in this step"
NOT_RUN = "its tensor was not computed in this step"


@dataclass(frozen=True)
class _Change:
    """An edit at a place; ``stream`` is the layer's input where the edit is meant for the stream after attention."""

    edit: Edit
    site: Site
    stream: Site | None = None


@dataclass
class _Plan:
    """Interventions made ready for one model: their changes by the module and side at which they happen."""

    interventions: tuple[Intervention, ...] = ()
    places: dict[tuple[nn.Module, str, int], list[_Change]] = field(default_factory=dict)


class Interventions:
    """Changes units during the passes between :meth:`begin` and :meth:`end`; at other times its hooks do nothing.

    Hooks stand before those that read, so that taps see what the model goes on with. A changed tensor is a copy: the
    model's own is never written to, which some families use elsewhere too.
    """

    def __init__(self, loaded: LoadedModel, lookup: Lookup) -> None:
        self._loaded, self._lookup = loaded, lookup
        self._plan = _Plan()
        self._handles: list[RemovableHandle] = []
        self.tallies: dict[str, Tally] = {}
        """What each one that is in force did in the last pass, by id."""
        self._streams: dict[nn.Module, Tensor] = {}
        self._pos0 = self._count = 0
        self._active = False
        self._ever: dict[str, bool] = {}

    @property
    def in_force(self) -> tuple[Intervention, ...]:
        return self._plan.interventions

    @property
    def unfired(self) -> tuple[str, ...]:
        """Ids of interventions that were in force at some step and never fired."""
        return tuple(identity for identity, fired in self._ever.items() if not fired)

    def prepare(self, interventions: Sequence[Intervention]) -> _Plan:
        """Check interventions against the model, look up groups and values; nothing changes yet. Safe from any thread.

        Raises :class:`BadAddress`, :class:`PointUnavailable`, :class:`ProtectedUnit`, and what looking up raises.
        """
        plan = _Plan(tuple(with_units(one, self._lookup) for one in interventions))
        for one in plan.interventions:
            by_address: dict[Address, list[int]] = {}
            for text in one.units:
                unit = Unit.parse(text)
                self._loaded.anatomy.check_unit(unit)
                if text in self._lookup.protected and not one.override_protection:
                    raise ProtectedUnit(
                        f"{text} is protected: ablating it alone raises the loss beyond the bound of the calibration.",
                        f"Leave it out of intervention '{one.id}', or say override_protection there.",
                    )
                by_address.setdefault(unit.address, []).append(unit.index)
            for address, indices in by_address.items():
                change = self._change(one, address, indices)
                site = change.site
                plan.places.setdefault((site.module, site.side, site.item), []).append(change)
        return plan

    def _change(self, one: Intervention, address: Address, indices: list[int]) -> _Change:
        anatomy = self._loaded.anatomy
        width = anatomy.width(address)
        values = put_values(one, address, indices, width, self._lookup)
        edit = Edit(one, indices, values, self._loaded.device, self._loaded.model.dtype)
        if address.point == "resid_mid":
            # What the MLP's norm reads is not what the stream carries on: the stream is changed by what attention adds.
            site = writable_site(self._loaded, Address("attn_add", address.layer))
            return _Change(edit, site, anatomy.site(Address("resid_pre", address.layer)))
        return _Change(edit, writable_site(self._loaded, address))

    def install(self, plan: _Plan) -> None:
        """Put a plan in force in place of what was."""
        self.remove()
        self._plan = plan
        for identity in (one.id for one in plan.interventions):
            self._ever.setdefault(identity, False)
        for (module, side, item), changes in plan.places.items():
            if side == "input":
                before = on_input(self._editor(changes))
                self._handles.append(module.register_forward_pre_hook(before, with_kwargs=True, prepend=True))
            else:
                after = on_output(self._editor(changes), item)
                self._handles.append(module.register_forward_hook(after, prepend=True))
        streams = {
            c.stream.module: c.stream for changes in plan.places.values() for c in changes if c.stream is not None
        }
        for module, site in streams.items():
            # Not before the others: it keeps what they made of the layer's input.
            self._handles.append(module.register_forward_pre_hook(self._keep_stream(site), with_kwargs=True))

    def remove(self) -> None:
        """Take every hook off the model."""
        for handle in self._handles:
            handle.remove()
        self._handles.clear()
        self._plan = _Plan()

    def begin(self, pos0: int, count: int) -> None:
        """From here on passes over ``count`` tokens from position ``pos0`` are changed."""
        self._pos0, self._count = pos0, count
        self.tallies = {one.id: Tally() for one in self._plan.interventions}
        self._active = True

    def steady(self, pos0: int) -> bool:
        """Whether passes of one token from position ``pos0`` on are all changed alike."""
        wanted = [one.positions for one in self._plan.interventions]
        return all(isinstance(positions, str) or max(positions) < pos0 for positions in wanted)

    def end(self) -> None:
        """Passes are left alone again."""
        self._active = False
        self._streams.clear()

    def reduce(self) -> list[Tensor]:
        """What the step's receipts need, on the model's device, in the order in which :meth:`receipts` takes it back."""
        return [numbers for tally in self.tallies.values() if (numbers := tally.numbers()) is not None]

    def receipts(self, arrays: Iterator[Any]) -> tuple[dict[str, Any], ...]:
        """One receipt for each intervention in force, in their order."""
        made = []
        for one in self._plan.interventions:
            fired = self.tallies[one.id].changed is not None
            positions, units, square = next(arrays).tolist() if fired else (0, 0, 0.0)
            self._ever[one.id] = self._ever[one.id] or fired
            receipt = {
                "id": one.id,
                "fired": fired,
                "positions": int(positions),
                "units": int(units),
                "delta_l2": math.sqrt(square),
            }
            if not fired:
                receipt["note"] = NOT_HERE if isinstance(one.positions, tuple) else NOT_RUN
            made.append(receipt)
        return tuple(made)

    def _editor(self, changes: list[_Change]) -> Callable[[Tensor], Tensor | None]:
        return lambda hidden: self._edited(hidden, changes) if self._active else None

    def _edited(self, hidden: Tensor, changes: list[_Change]) -> Tensor:
        copy = hidden.clone()
        shaped = with_batch(copy, 1, self._count)
        for change in changes:
            values = change.site.take(shaped)
            tally = self.tallies[change.edit.intervention.id]
            if change.stream is None:
                change.edit.apply(values, self._pos0, self._count, tally)
                continue
            stream = self._streams[change.stream.module] + values
            wanted = stream.clone()
            change.edit.apply(wanted, self._pos0, self._count, tally)
            values += wanted - stream
        return copy

    def _keep_stream(self, site: Site) -> Callable[..., None]:
        def hook(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            hidden = hidden_of(args, kwargs) if self._active else None
            if hidden is not None:
                # A copy, since some families add to the stream in place.
                self._streams[module] = site.take(with_batch(hidden, 1, self._count)).clone()

        return hook
