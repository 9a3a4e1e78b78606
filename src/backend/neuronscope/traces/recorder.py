"""A listener that records a run, as a rule on a thread of its own, so that the run never waits for the disk."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue

from neuronscope.core.errors import NeuronScopeError
from neuronscope.core.events import Done, Event, Failed, Receipt, Start, Step
from neuronscope.traces.codec import has_whole, pack_step, payload_bytes, step_body
from neuronscope.traces.wire import Frame, without_payloads
from neuronscope.traces.writer import TraceWriter

log = logging.getLogger("neuronscope.traces")
LIMIT_BYTES = 256 << 20


class Recorder:
    """Writes events to a trace, each step committed by itself. ``error`` says why recording ended early, if it did.

    What waits to be written is at most ``limit`` bytes of payloads; beyond that, steps lose their payloads and say so,
    and the run goes on. In ``capture_mode`` full, where the payloads are the point, the run writes them itself, and so
    waits for the disk: a thread that handles that much beside the model would cost it more.

    ``publish`` is handed each event, in order and one at a time, after it was committed: who listens there can read back
    whatever it was told of. It goes on where recording ended early. It must not block.
    Raises :class:`StorageFull` at once where the file can't be begun.
    """

    def __init__(
        self,
        path: Path,
        start: Start,
        prompt: str,
        limit: int = LIMIT_BYTES,
        publish: Callable[[Frame], None] | None = None,
    ) -> None:
        self.path = path
        self.error: NeuronScopeError | None = None
        self._limit, self._waiting = limit, 0
        self._publish = publish
        self._events: SimpleQueue[tuple[Event, bytes | None, bytes | None, int]] = SimpleQueue()
        self._lock = threading.Lock()
        self._ended = False
        self._recording = True
        self._writer = TraceWriter(path, start, prompt=prompt)
        self._thread: threading.Thread | None = None
        if start.config.get("capture_mode") != "full":
            name = f"recorder-{start.trace_id}"
            self._thread = threading.Thread(target=self._run, name=name, daemon=True)
            self._thread.start()
        self._hand_on(start)

    def put(self, event: Event) -> None:
        """Take an event; the start is known already. After an end nothing more is taken."""
        if not isinstance(event, Start):
            self._hand_on(event)

    def close(self) -> None:
        """Wait until everything is written. A run that said no end was stopped."""
        self.put(Done("stopped"))
        if self._thread is not None:
            self._thread.join()

    def _hand_on(self, event: Event) -> None:
        with self._lock:
            if self._ended:
                return
            self._ended = isinstance(event, Done | Failed)
            if self._thread is None:
                self._take(event, *_packed(event))
                return
            size = payload_bytes(event) if isinstance(event, Step) else 0
            if isinstance(event, Step) and self._waiting + size > self._limit and self._waiting:
                limit, held = self._limit, self._waiting + size
                event, size = without_payloads(event, "drop_payload_keep_stats", limit, held), 0
            self._waiting += size
            self._events.put((event, *_packed(event), size))

    def _run(self) -> None:
        ended = False
        while not ended:
            event, body, chunk, size = self._events.get()
            ended = isinstance(event, Done | Failed)
            self._take(event, body, chunk)
            with self._lock:
                self._waiting -= size

    def _take(self, event: Event, body: bytes | None, chunk: bytes | None) -> None:
        if self._recording:
            self._record(event, chunk)
        if isinstance(event, Done | Failed):
            self._writer.close()
        if self._publish is not None:
            self._tell(Frame(event, body))

    def _tell(self, frame: Frame) -> None:
        assert self._publish is not None
        try:
            self._publish(frame)
        except Exception:
            log.exception("a listener of %s failed", self.path.name)

    def _record(self, event: Event, chunk: bytes | None) -> None:
        try:
            self._write(event, chunk)
        except NeuronScopeError as error:
            log.warning("recording of %s ended: %s", self.path.name, error)
            self.error, self._recording = error, False
        except Exception as error:
            log.exception("recording of %s ended", self.path.name)
            self.error = NeuronScopeError(f"The trace could not be written ({type(error).__name__}).", str(error))
            self._recording = False

    def _write(self, event: Event, chunk: bytes | None) -> None:
        if isinstance(event, Step):
            if (event.dropped or {}).get("policy") == "stop_trace":
                self._writer.finish(Done("stopped"))
                self._recording = False
                return
            self._writer.write(event, chunk=chunk)
        elif isinstance(event, Receipt):
            self._writer.write_receipt(event)
        elif not isinstance(event, Start):
            self._writer.finish(event)


def _packed(event: Event) -> tuple[bytes | None, bytes | None]:
    """A step's body and chunk, made once, for the file and for all who listen.

    By the run's own thread, while what is packed is at hand: the recorder's would hold the interpreter from the model's
    while it did, which costs more. Whole tensors are left to the recorder, which copies their bytes.
    """
    if not isinstance(event, Step) or has_whole(event):
        return None, None
    body = step_body(event)
    return body, pack_step(event, body)
