"""A recorded run again: the same events, from any step, at a chosen speed."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

from neuronscope.core.errors import BadRequest, NotFound
from neuronscope.traces.store import Trace


def replay(
    trace: Trace,
    first: int = 0,
    steps_per_second: float | None = None,
    stopped: threading.Event | None = None,
) -> Iterator[dict[str, Any]]:
    """The events of a trace as maps, as they travelled when it was made: start, steps from ``first``, the end.

    Without a speed they come as fast as they are read; with one, a step that was read late does not delay those after it.
    Setting ``stopped`` from another thread ends it before the next step. Raises at once :class:`NotFound` for a step that
    the trace does not have, :class:`BadRequest` for a speed that is none.
    """
    if not 0 <= first <= max(0, trace.step_count - 1):
        raise NotFound(f"This trace has no step {first}.", f"It has {trace.step_count}, counted from 0.")
    if steps_per_second is not None and not 0 < steps_per_second <= 10_000:
        raise BadRequest(f"A replay can't run at {steps_per_second} steps a second.", "Choose a speed up to 10,000.")
    return _paced(trace, first, steps_per_second, stopped or threading.Event())


def _paced(trace: Trace, first: int, speed: float | None, stopped: threading.Event) -> Iterator[dict[str, Any]]:
    begun = time.monotonic()
    for event in trace.events(first):
        if event["type"] == "step" and speed is not None:
            due = begun + (event["step"] - first) / speed
            stopped.wait(max(0.0, due - time.monotonic()))
        if stopped.is_set():
            return
        yield event
