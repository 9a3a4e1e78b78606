"""Who may run while transformers makes a model.

While it makes a model's modules, transformers switches torch's default dtype, ``torch.linspace`` and the tying of
weights for the whole process (``PreTrainedModel.get_init_context``). A forward pass of another model in between could
compute in another dtype, and a second load loses its tied weights. So loads take turns, and while modules are made, no
forward pass runs; while weights are read, which takes far longer, they run side by side.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

WAIT = 0.05
"""Seconds between two looks at whether somebody cancelled."""


class Turns:
    """Many forward passes, or the making of one model."""

    def __init__(self) -> None:
        self._free = threading.Condition()
        self._running = 0
        self._made = False
        self._mine = threading.local()

    @contextmanager
    def running(self) -> Iterator[None]:
        """A forward pass: waits while a model is being made. A thread may nest them."""
        depth = getattr(self._mine, "depth", 0)
        if depth == 0:
            with self._free:
                while self._made:
                    self._free.wait()
                self._running += 1
        self._mine.depth = depth + 1
        try:
            yield
        finally:
            self._mine.depth = depth
            if depth == 0:
                with self._free:
                    self._running -= 1
                    self._free.notify_all()

    def take(self, check: Callable[[], None]) -> None:
        """Start making a model, once no forward pass runs; new ones wait. ``check`` may raise to stop the waiting."""
        with self._free:
            self._wait(lambda: self._made, check)
            self._made = True
            try:
                self._wait(lambda: self._running > 0, check)
            except BaseException:
                self._made = False
                self._free.notify_all()
                raise

    def give(self) -> None:
        """The modules are made: forward passes go on."""
        with self._free:
            self._made = False
            self._free.notify_all()

    def _wait(self, busy: Callable[[], bool], check: Callable[[], None]) -> None:
        while busy():
            check()
            self._free.wait(WAIT)


TURNS = Turns()
_one_at_a_time = threading.Lock()


class ForwardLock:
    """A model's own lock, held for a forward pass: one at a time per model, and none while another is being made."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._held = threading.local()

    def __enter__(self) -> None:
        self._lock.acquire()
        turn = TURNS.running()
        turn.__enter__()
        turns = self._held.__dict__.setdefault("turns", [])
        turns.append(turn)

    def __exit__(self, *_: object) -> None:
        self._held.turns.pop().__exit__(None, None, None)
        self._lock.release()


@contextmanager
def one_load(check: Callable[[], None]) -> Iterator[None]:
    """The turn of one load among the others; ``check`` is asked while it waits."""
    while not _one_at_a_time.acquire(timeout=WAIT):
        check()
    try:
        yield
    finally:
        _one_at_a_time.release()


def never() -> None:
    """The check of somebody who can't cancel."""
