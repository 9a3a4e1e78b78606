"""The pace of a run: how long it is held after which of its events."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from neuronscope.core.events import Done, Event, Receipt, Step
from neuronscope.runtime import pace
from neuronscope.runtime.pace import Pace

LINE: dict[str, Any] = {"id": "i1", "fired": True}


class Clock:
    """Time that passes only while somebody waits, and steps that take some of it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        monkeypatch.setattr(time, "monotonic", lambda: self.now)

    def is_set(self) -> bool:
        return False

    def wait(self, seconds: float) -> bool:
        self.now += seconds
        return False


def step(number: int) -> Step:
    return Step("decode", number, number, 1, (), ())


def receipt(number: int, *lines: dict[str, Any]) -> Receipt:
    return Receipt(number, lines)


def held(clock: Clock, made: Pace, *events: Event, takes: float = 0.0) -> list[float]:
    """Seconds that each event is held; a step takes some before it comes."""
    found = []
    for event in events:
        clock.now += takes if isinstance(event, Step) else 0.0
        before = clock.now
        made.after(event)
        found.append(round(clock.now - before, 6))
    return found


def test_a_step_is_followed_by_what_is_left_of_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    made = Pace(2, clock)  # type: ignore[arg-type]
    assert held(clock, made, step(0), step(1), step(2), takes=0.2) == [0.5, 0.3, 0.3]


def test_a_step_that_takes_longer_is_not_held_and_not_made_up_for(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    made = Pace(2, clock)  # type: ignore[arg-type]
    assert held(clock, made, step(0), step(1), takes=3.0) == [0.5, 0.0]
    assert held(clock, made, step(2), takes=0.1) == [0.4]


def test_a_receipt_comes_before_the_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    made = Pace(1, clock, changed=True)  # type: ignore[arg-type]
    assert held(clock, made, step(0), receipt(0, LINE), step(1), receipt(1, LINE)) == [0, 1, 0, 1]
    # Cleared: one more receipt says so, then there are none.
    made.expect_receipt()
    assert held(clock, made, step(2), receipt(2), step(3), step(4), Done("length")) == [0, 1, 1, 1, 0]
    made.expect_receipt()
    assert held(clock, made, step(5), receipt(5, LINE)) == [0, 1]


def test_a_stopped_run_is_held_no_longer() -> None:
    stopped = threading.Event()
    made = Pace(pace.SLOWEST, stopped)
    threading.Timer(0.05, stopped.set).start()
    began = time.monotonic()
    made.after(step(0))
    assert time.monotonic() - began < 5
