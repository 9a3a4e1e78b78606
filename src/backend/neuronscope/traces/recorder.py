"""A listener that records a run: it writes on a thread of its own, so that the run never waits for the disk."""

from __future__ import annotations

import logging
import threading
from collections import deque
from dataclasses import replace
from pathlib import Path

from neuronscope.core.errors import NeuronScopeError
from neuronscope.core.events import Done, Event, Failed, Receipt, Start, Step
from neuronscope.traces.payloads import size_of
from neuronscope.traces.store import TraceWriter

log = logging.getLogger("neuronscope.traces")
LIMIT_BYTES = 256 << 20


class Recorder:
    """Writes events to a trace, each step committed by itself. ``error`` says why recording ended early, if it did.

    What waits to be written is at most ``limit`` bytes of payloads. Beyond that, steps lose their payloads and say so,
    and the run goes on; in ``capture_mode`` full, where the payloads are the point, the run waits instead.
    Raises :class:`StorageFull` at once where the file can't be begun.
    """

    def __init__(self, path: Path, start: Start, prompt: str, limit: int = LIMIT_BYTES) -> None:
        self.path = path
        self.error: NeuronScopeError | None = None
        self._waits = start.config.get("capture_mode") == "full"
        self._limit, self._waiting = limit, 0
        self._events: deque[tuple[Event, int]] = deque()
        self._changed = threading.Condition()
        self._ended = False
        self._writer = TraceWriter(path, start, prompt=prompt)
        self._thread = threading.Thread(target=self._run, name=f"recorder-{start.trace_id}", daemon=True)
        self._thread.start()

    def put(self, event: Event) -> None:
        """Take an event; the start is known already. After an end nothing more is taken."""
        if isinstance(event, Start):
            return
        size = sum(size_of(entry.payload) for entry in event.entries) if isinstance(event, Step) else 0
        with self._changed:
            if self._ended:
                return
            if isinstance(event, Step) and (event.dropped or {}).get("policy") == "stop_trace":
                event, size = Done("stopped"), 0
            if isinstance(event, Step) and self._waiting + size > self._limit and self._waiting:
                if self._waits:
                    self._changed.wait_for(lambda: self._waiting + size <= self._limit or not self._waiting)
                else:
                    event, size = _without_payloads(event, self._limit, self._waiting + size), 0
            self._ended = isinstance(event, Done | Failed)
            self._events.append((event, size))
            self._waiting += size
            self._changed.notify_all()

    def close(self) -> None:
        """Wait until everything is written. A run that said no end was stopped."""
        self.put(Done("stopped"))
        self._thread.join()

    def _run(self) -> None:
        ended = False
        while not ended:
            with self._changed:
                self._changed.wait_for(lambda: bool(self._events))
                event, size = self._events.popleft()
            ended = isinstance(event, Done | Failed)
            if self.error is None:
                try:
                    self._write(event)
                except NeuronScopeError as error:
                    log.warning("recording of %s ended: %s", self.path.name, error)
                    self.error = error
                except Exception as error:
                    log.exception("recording of %s ended", self.path.name)
                    self.error = NeuronScopeError(
                        f"The trace could not be written ({type(error).__name__}).", str(error)
                    )
            with self._changed:
                self._waiting -= size
                self._changed.notify_all()
        self._writer.close()

    def _write(self, event: Event) -> None:
        if isinstance(event, Step):
            self._writer.write(event)
        elif isinstance(event, Receipt):
            self._writer.write_receipt(event)
        else:
            self._writer.finish(event)


def _without_payloads(step: Step, limit: int, size: int) -> Step:
    lost = [entry.address for entry in step.entries if entry.payload is not None]
    earlier = (step.dropped or {}).get("addresses", [])
    note = {"policy": "drop_payload_keep_stats", "bytes": size, "limit": limit, "addresses": [*earlier, *lost]}
    return replace(step, entries=tuple(replace(entry, payload=None) for entry in step.entries), dropped=note)
