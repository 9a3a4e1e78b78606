"""What an intervention puts into its units: numbers given, means and quantiles of a reference, values of another trace."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from neuronscope.core.address import Address, Unit
from neuronscope.core.errors import BadAddress, BadRequest, NotFound
from neuronscope.core.intervention import Intervention
from neuronscope.traces.store import Trace


def _no_sample(address: Address) -> NDArray[np.float32]:
    raise BadAddress(f"The reference holds no sample of {address}.")


@dataclass(frozen=True)
class Reference:
    """What is known of units over a corpus: their ``mean``, and the value at a ``quantile`` of their activations.

    ``sample`` gives an address's values ``[unit, token]`` at some tokens, and raises :class:`BadAddress` where it has none.
    """

    mean: Callable[[Unit], float]
    quantile: Callable[[Unit, float], float]
    sample: Callable[[Address], NDArray[np.float32]] = _no_sample


@dataclass(frozen=True)
class Lookup:
    """Where references, traces and groups are found by id; ``protected`` are units that calibration found critical.

    The functions raise :class:`NotFound` for an id that they don't know, and ``group`` gives units of this model only.
    """

    reference: Callable[[str], Reference] | None = None
    trace: Callable[[str], Trace] | None = None
    protected: frozenset[str] = frozenset()
    group: Callable[[str], tuple[str, ...]] | None = None


def with_units(one: Intervention, lookup: Lookup) -> Intervention:
    """The intervention with the units of the group that it names. Raises :class:`NotFound` where none can be looked up."""
    if one.units or one.group_id is None:
        return one
    if lookup.group is None:
        raise NotFound(f"Intervention '{one.id}' names a group, and none can be looked up here.", "List its units.")
    return replace(one, units=lookup.group(one.group_id))


def put_values(one: Intervention, address: Address, indices: Sequence[int], width: int, lookup: Lookup) -> list[float]:
    """One value for each unit ``indices`` of an address: what it is scaled by, set to, or what is added.

    Raises :class:`NotFound` for a reference or trace that can't be looked up, :class:`NotCaptured` where the trace did
    not keep the tensor whole, :class:`BadRequest` where it does not fit.
    """
    if one.op == "ablate_zero":
        return [0.0] * len(indices)
    if one.source is not None:
        return _patch(one, address, indices, width, lookup)
    if one.value is not None:
        return [float(one.value)] * len(indices)
    if lookup.reference is None or one.reference is None:
        raise NotFound(f"Intervention '{one.id}' needs a reference, and none can be looked up here.")
    reference = lookup.reference(one.reference)
    units = [Unit(address, index) for index in indices]
    if one.dose_quantile is not None:
        return [float(reference.quantile(unit, one.dose_quantile)) for unit in units]
    return [float(reference.mean(unit)) for unit in units]


def _patch(one: Intervention, address: Address, indices: Sequence[int], width: int, lookup: Lookup) -> list[float]:
    assert one.source is not None
    if lookup.trace is None:
        raise NotFound(f"Intervention '{one.id}' patches from a trace, and none can be looked up here.")
    with lookup.trace(one.source.trace_id) as trace:
        step = trace.step(one.source.step)
        row = one.source.position - step.pos0
        if not 0 <= row < step.t_add:
            raise BadRequest(
                f"Step {step.step} of that trace holds positions {step.pos0} to {step.pos0 + step.t_add - 1}, "
                f"not {one.source.position}.",
                "Positions are counted from the first token of the text.",
            )
        values = trace.tensor(step.step, str(address))
    if values.ndim != 2 or values.shape[1] != width or values.shape[0] != step.t_add:
        raise BadRequest(f"{address} has {width} units here and shape {list(values.shape)} in that trace.")
    return [float(value) for value in values[row, list(indices)]]
