"""Events of a run out of its trace file, as the frames that travelled when it was made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgpack

from neuronscope.core.errors import NotFound
from neuronscope.core.events import Entry, Step, Token
from neuronscope.traces.store import Trace
from neuronscope.traces.wire import Frame, pack_event, step_frame

MOST_BYTES = 1 << 20
"""What is read at once; a single larger step comes alone."""
MOST_FRAMES = 256


@dataclass(frozen=True)
class Stored:
    """A frame's bytes as they travelled. Whether a step has payloads is not looked up: it is taken to have some."""

    data: bytes
    step: int | None = None
    names_its_run: bool = False
    """Whether ``trace_id`` is among its fields."""

    @property
    def has_payload(self) -> bool:
        return self.step is not None

    def light(self) -> bytes:
        """As :meth:`Frame.light`."""
        return self.data if self.step is None else Frame(_step_of(self.data)).light()


def stored_steps(
    trace: Trace, at: tuple[float, int], until: tuple[float, int]
) -> tuple[list[Stored], tuple[float, int]]:
    """Steps and receipts after ``at`` up to ``until``, as far as they fit in a batch, and the place of the last one.

    Places are those of :data:`neuronscope.runtime.live_feed.Order`. Nothing where the trace has no more.
    """
    found: list[Stored] = []
    size = 0
    number, second = at
    while size < MOST_BYTES and len(found) < MOST_FRAMES:
        # After a step its receipt, where it has one; after that the next step.
        following = (number, 1) if second == 0 else (number + 1, 0)
        if following > until:
            break
        number, second = following
        if second == 0:
            try:
                found.append(Stored(step_frame(trace, int(number)), int(number)))
            except NotFound:
                break
        else:
            receipt = trace.receipt(int(number)) if number >= 0 else None
            if receipt is None:
                at = following
                continue
            found.append(Stored(pack_event(receipt)))
        at = following
        size += len(found[-1].data)
    return found, at


def stored_start(trace: Trace) -> Stored:
    """The run's first event."""
    return Stored(packed(trace.start), names_its_run=True)


def stored_end(trace: Trace) -> Stored:
    """The run's last event."""
    return Stored(packed(trace.end))


def gap(trace_id: str, first: int, last: int) -> list[Stored]:
    """What stands for steps that were neither recorded nor are in memory; nothing where there are none."""
    if first > last:
        return []
    message = f"Steps {first} to {last} were not recorded."
    hint = "Recording ended early, or the trace was deleted."
    lost = {"trace_id": trace_id, "from_step": first, "to_step": last, "message": message, "hint": hint}
    return [Stored(packed({"type": "gap", **lost}), names_its_run=True)]


def packed(event: dict[str, Any]) -> bytes:
    """An event that is plain data already, as it travels."""
    data: bytes = msgpack.packb(event)
    return data


def _step_of(data: bytes) -> Step:
    fields = msgpack.unpackb(data)
    entries = tuple(Entry(e["address"], tuple(e["shape"]), e["stats"], e["payload"]) for e in fields["entries"])
    inputs = tuple(Token(**token) for token in fields["inputs"])
    return Step(**{**fields, "entries": entries, "inputs": inputs, "top": tuple(fields["top"])})
