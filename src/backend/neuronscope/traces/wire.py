"""Events as they travel: one MessagePack map each, ``type`` first, the same bytes live and out of a trace file."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property

import msgpack

from neuronscope.core.events import Event, Step, to_map
from neuronscope.traces.codec import body_of, has_payload, payload_bytes, step_body
from neuronscope.traces.store import Trace

NO_CREDIT = "no_credit"
"""The policy that a frame names which lost its payloads because its reader had no credit left."""
_FIELDS = 12
_BODY = b"\x84"
"""How MessagePack begins a map of four, which a step's body is."""


class Frame:
    """An event and its bytes on the wire. ``step`` is the step's number, ``None`` for events that are none.

    ``body`` is :func:`~neuronscope.traces.codec.step_body` where it is there already.
    """

    def __init__(self, event: Event, body: bytes | None = None) -> None:
        self.event = event
        self._body = body

    @cached_property
    def data(self) -> bytes:
        """The event as it travels."""
        if self._body is None or not isinstance(self.event, Step):
            return pack_event(self.event)
        return _step_bytes(self.event, self._body)

    @property
    def step(self) -> int | None:
        return self.event.step if isinstance(self.event, Step) else None

    @cached_property
    def has_payload(self) -> bool:
        """Whether it carries more than statistics."""
        return isinstance(self.event, Step) and has_payload(self.event)

    def light(self) -> bytes:
        """The same without payloads; ``dropped`` then names what a reader may fetch from the trace."""
        return self._light if self.has_payload else self.data

    @cached_property
    def _light(self) -> bytes:
        assert isinstance(self.event, Step)
        return pack_event(without_payloads(self.event, NO_CREDIT, 0))


def pack_event(event: Event) -> bytes:
    """One event as it travels."""
    if isinstance(event, Step):
        return _step_bytes(event, step_body(event))
    packed: bytes = msgpack.packb(to_map(event))
    return packed


def step_frame(trace: Trace, number: int) -> bytes:
    """A recorded step as it travelled; :class:`NotFound` where the trace has none of this number.

    A chunk holds the larger part of a step's map ready: it is unpacked only where tensors that lie beside it belong in it.
    """
    step, chunk = trace.stored(number)
    body = None if chunk is None else body_of(chunk)
    # A trace of an earlier version may hold a map of other pairs.
    if body is None or body[:1] != _BODY:
        return pack_event(trace.step(number, tensors=True) if chunk is not None else step)
    return _step_bytes(step, body)


def _step_bytes(step: Step, body: bytes) -> bytes:
    """The map of a step: its scalars, and the pairs of its body as they are."""
    pack = msgpack.Packer(autoreset=False)
    pack.pack_map_header(_FIELDS)
    for name in ("type", "phase", "step", "pos0", "t_add", "token_id", "token", "logprob"):
        pack.pack(name)
        pack.pack(getattr(step, name))
    # A body is a map of four: one byte, and then its pairs.
    return b"".join((pack.bytes(), body[1:]))


def without_payloads(step: Step, policy: str, limit: int, size: int | None = None) -> Step:
    """A step of which statistics and likeliest tokens stay, with the note of what went."""
    lost = [entry.address for entry in step.entries if entry.payload is not None]
    held = payload_bytes(step) if size is None else size
    earlier = (step.dropped or {}).get("addresses", [])
    note = {"policy": policy, "bytes": held, "limit": limit, "addresses": [*earlier, *lost]}
    return replace(step, entries=tuple(replace(entry, payload=None) for entry in step.entries), dropped=note)
