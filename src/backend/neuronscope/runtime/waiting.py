"""Waiting for a turn that may be given up meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")
Check = Callable[[], None]
"""Raises where whoever waits was cancelled."""
WAIT = 0.05
"""Seconds between two looks at that."""


@contextmanager
def held(gate: threading.Lock, check: Check | None) -> Iterator[None]:
    """With a lock, once it is free; what ``check`` raises ends the waiting."""
    while not gate.acquire(timeout=WAIT):
        if check is not None:
            check()
    try:
        yield
    finally:
        gate.release()


def await_turn(future: Future[T], check: Check | None) -> None:
    """Until the work has begun; what ``check`` raises takes it out of the queue."""
    while check is not None and not (future.running() or future.done()):
        try:
            check()
        except BaseException:
            if future.cancel():
                raise
        wait([future], timeout=WAIT)
