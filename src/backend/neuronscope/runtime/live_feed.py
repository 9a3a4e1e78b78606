"""The events of one run as they come, and those who watch them: each at its own pace, from memory or out of the trace file."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

from neuronscope.core.errors import NeuronScopeError, NotFound
from neuronscope.core.events import Done, Event, Failed, Queued, Receipt, Start, Step
from neuronscope.runtime.live_stored import Stored, gap, stored_end, stored_start, stored_steps
from neuronscope.traces.codec import payload_bytes
from neuronscope.traces.store import Trace
from neuronscope.traces.wire import Frame

MOST_FRAMES = 256
MOST_BYTES = 32 << 20
"""What the latest frames of a run may hold in memory; a frame counts twice, since its event lies beside its bytes."""
MOST_FRAME = 2 << 20
"""A larger frame is not kept: packing it would hold up the server's loop, and in the file it lies packed."""
ENTRY_BYTES = 400
"""What an entry takes beside its payload, about."""

Order = tuple[float, int]
"""Where an event stands in a run: the step that it belongs to, and 1 for what comes after the step itself."""
NOTHING: Order = (-2, 0)
BEGUN: Order = (-1, 0)
ENDED: Order = (float("inf"), 0)


def order_of(event: Event) -> Order:
    """The place of an event that is recorded."""
    if isinstance(event, Step):
        return (event.step, 0)
    if isinstance(event, Receipt):
        return (event.step, 1)
    return BEGUN if isinstance(event, Start) else ENDED


class Feed:
    """What a run published. One thread publishes; any thread may watch.

    Only the latest frames stay in memory: whoever is further behind reads the file, where each event was written before
    it came here. So a listener that stops reading costs nothing but its own place.
    """

    def __init__(self, trace_id: str, path: Path, frames: int = MOST_FRAMES, most_bytes: int = MOST_BYTES) -> None:
        self.trace_id = trace_id
        self.path = path
        self.lock = threading.Lock()
        self.queued: Frame | None = None
        self.start: Frame | None = None
        self.end: Frame | None = None
        self.forgotten: Order = BEGUN
        """The last event that is no longer in memory."""
        self.step_count = 0
        self._most = frames, most_bytes
        self._latest: deque[tuple[Order, Frame]] = deque()
        self._bytes = 0
        self._watchers: set[Watcher] = set()
        self._left = time.monotonic()

    def publish(self, frame: Frame) -> None:
        """Take the next event. Nothing is taken after an end."""
        event, size = frame.event, _size(frame)
        with self.lock:
            if self.end is not None:
                return
            if isinstance(event, Queued):
                self.queued = frame
            elif isinstance(event, Start):
                self.start = frame
            elif isinstance(event, Done | Failed):
                self.end = frame
            else:
                if isinstance(event, Step):
                    self.step_count = event.step + 1
                self._latest.append((order_of(event), frame))
                self._bytes += size
                keep = 0 if size > MOST_FRAME else self._most[0]
                while len(self._latest) > keep or self._bytes > self._most[1]:
                    self._forget()
            watchers = list(self._watchers)
        for watcher in watchers:
            watcher.wake()

    def forget(self) -> None:
        """Keep no frames in memory but start and end; the file has the rest."""
        with self.lock:
            while self._latest:
                self._forget()

    def watch(self, first: int, wake: Callable[[], None], place: bool = False) -> Watcher:
        """Watch from a step on; ``wake`` is called from other threads when there may be something new.

        With ``place`` the run's last place in the line comes first, also where the run has begun meanwhile.
        Raises :class:`NotFound` for a step that is more than one ahead.
        """
        with self.lock:
            check_first(first, self.step_count)
            watcher = Watcher(self, first, wake, place)
            self._watchers.add(watcher)
        return watcher

    def unwatch(self, watcher: Watcher) -> None:
        """Wake it no more."""
        with self.lock:
            self._watchers.discard(watcher)
            self._left = time.monotonic()

    def unwatched(self) -> float:
        """Seconds since the last watcher left; 0 while there is one."""
        with self.lock:
            return 0.0 if self._watchers else time.monotonic() - self._left

    def after(self, place: Order) -> tuple[Order, Frame] | None:
        """The first frame in memory after a place; call with :attr:`lock` held."""
        found = None
        for one in reversed(self._latest):
            if one[0] <= place:
                break
            found = one
        return found

    def _forget(self) -> None:
        self.forgotten, frame = self._latest.popleft()
        self._bytes -= _size(frame)


class Watcher:
    """One listener's place in a run: start first, then each step with its receipt, and the end last.

    :meth:`take` gives what is in memory; where it gives nothing and the watcher is :attr:`behind`, :meth:`fetch` reads
    on in the file, which takes a while: call it in a thread of its own.
    """

    def __init__(self, feed: Feed, first: int, wake: Callable[[], None], place: bool) -> None:
        self.wake = wake
        self.ended = False
        self._feed = feed
        self._from: Order = (first - 1, 1)
        self._at: Order = NOTHING
        self._queued: Frame | None = None
        self._place = place

    def take(self) -> Frame | None:
        """The next frame, where it is in memory."""
        feed = self._feed
        with feed.lock:
            waits = feed.start is None and feed.end is None
            if waits or self._place:
                self._place, before = False, self._queued
                self._queued = feed.queued
                if waits or before is None:
                    return feed.queued if feed.queued is not before else None
            if self._at == NOTHING and feed.start is not None:
                self._at = self._from
                return feed.start
            if self._missed():
                return None
            found = feed.after(self._at)
            if found is not None:
                self._at = found[0]
                return found[1]
            if feed.end is not None and not self.ended:
                self.ended = True
                return feed.end
            return None

    @property
    def behind(self) -> bool:
        """Whether what comes next is in the file only."""
        with self._feed.lock:
            return self._missed()

    def fetch(self) -> list[Stored]:
        """What comes next out of the file: at least one frame, a bounded number of bytes."""
        with self._feed.lock:
            until, path = self._feed.forgotten, self._feed.path
        try:
            with Trace.open(path) as trace:
                found, self._at = stored_steps(trace, self._at, until)
        except NeuronScopeError:
            found = []
        if found:
            return found
        # Recording ended early, or the file was deleted: what memory no longer holds is lost, and that is said.
        lost, self._at = self._at, until
        return gap(self._feed.trace_id, int(lost[0]) + 1, int(until[0]))

    def close(self) -> None:
        """Watch no longer."""
        self._feed.unwatch(self)

    def _missed(self) -> bool:
        return self._at != NOTHING and self._feed.forgotten > self._at


class Recorded:
    """A watcher of a run that ended some time ago: everything comes out of its file.

    Raises at once :class:`NotFound` for an unknown trace or step, :class:`Damaged` for a file that is none.
    """

    behind = True

    def __init__(self, path: Path, first: int) -> None:
        self.ended = False
        self._path = path
        with Trace.open(path) as trace:
            check_first(first, trace.step_count)
            self._ready = [stored_start(trace)]
        self._at: Order = (first - 1, 1)

    def take(self) -> None:
        """Nothing is in memory."""

    def fetch(self) -> list[Stored]:
        """As :meth:`Watcher.fetch`."""
        found, self._ready = self._ready, []
        if found:
            return found
        with Trace.open(self._path) as trace:
            found, self._at = stored_steps(trace, self._at, ENDED)
            if not found:
                self.ended = True
                found = [stored_end(trace)]
        return found

    def close(self) -> None:
        """There is nothing to undo."""


def check_first(first: int, count: int) -> None:
    """A run can be watched from any step that it has, and from the one to come."""
    if not 0 <= first <= count:
        raise NotFound(f"This run has no step {first}.", f"It has {count}, counted from 0.")


def _size(frame: Frame) -> int:
    """About what a frame takes; its bytes are made when they are first read, and not for nobody."""
    event = frame.event
    if isinstance(event, Step):
        return 2 * (payload_bytes(event) + ENTRY_BYTES * len(event.entries))
    return 2 * ENTRY_BYTES * len(event.interventions) if isinstance(event, Receipt) else 0
