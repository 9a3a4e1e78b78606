"""The messages of a run. Live streams, trace files and replay all carry these; the time axis is the step, never the clock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

Phase = Literal["prefill", "decode"]


@dataclass(frozen=True, slots=True)
class Token:
    """One token as shown to a person. ``special`` ones stay out of colour scales, rankings and indexes."""

    id: int
    text: str
    special: bool = False


@dataclass(frozen=True, slots=True)
class Entry:
    """What one step kept of one tensor: its shape, its statistics and, where kept, a payload with its ``kind``."""

    address: str
    shape: tuple[int, ...]
    stats: dict[str, float]
    payload: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Queued:
    """Of a run that has not begun: ``position`` runs go before it; with 0 it waits for its model only. Never recorded."""

    trace_id: str
    position: int
    type: str = "queued"


@dataclass(frozen=True, slots=True)
class Start:
    """First event of a run. ``unavailable`` maps each default point that the model lacks to the reason."""

    trace_id: str
    model_id: str
    revision: str | None
    model_key: str
    config: dict[str, Any]
    tokens: tuple[Token, ...]
    points: tuple[str, ...]
    unavailable: dict[str, str] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    """Of a generation: how tokens are chosen, when it stops, and the interventions in force from the first pass."""
    type: str = "start"


@dataclass(frozen=True, slots=True)
class Step:
    """Activations of the tokens that one call consumed (``inputs``), and the token it emitted, if it emitted one."""

    phase: Phase
    step: int
    pos0: int
    t_add: int
    inputs: tuple[Token, ...]
    entries: Sequence[Entry]
    """Packed ones are unpacked when they are first looked at."""
    token_id: int | None = None
    token: str | None = None
    logprob: float | None = None
    top: tuple[dict[str, Any], ...] = ()
    dropped: dict[str, Any] | None = None
    """What did not fit the budget: ``policy``, ``bytes`` before, ``limit``, and the ``addresses`` that lost something."""
    type: str = "step"


@dataclass(frozen=True, slots=True)
class Receipt:
    """What each intervention did in a step: {id, fired, positions, units, delta_l2, note}.

    ``positions`` and ``units`` count those whose value changed, ``delta_l2`` is the L2 norm of all changes, ``note`` says
    why one did not fire. ``defined`` holds the interventions themselves where they changed before this step.
    """

    step: int
    interventions: tuple[dict[str, Any], ...]
    defined: tuple[dict[str, Any], ...] | None = None
    type: str = "receipt"


@dataclass(frozen=True, slots=True)
class Done:
    """Last event of a run that ended by itself or was stopped."""

    reason: Literal["eos", "length", "stopped"]
    unfired: tuple[str, ...] = ()
    """Ids of interventions that were in force and never fired."""
    type: str = "done"


@dataclass(frozen=True, slots=True)
class Failed:
    """Last event of a run that could not go on."""

    code: str
    message: str
    hint: str = ""
    type: str = "error"


Event = Queued | Start | Step | Receipt | Done | Failed


def to_map(event: Event) -> dict[str, Any]:
    """The event as plain data, ``type`` first, as it travels on the wire."""
    if isinstance(event, Step):
        event = replace(event, entries=tuple(event.entries))
    fields = asdict(event)
    return {"type": fields.pop("type"), **fields}
