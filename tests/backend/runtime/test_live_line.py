"""Whose turn it is."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from neuronscope.runtime.live_line import Line


def test_the_line_keeps_the_order_lets_the_ready_pass_and_tells_places() -> None:
    line, told, order = Line(), [[], [], [], []], []
    go_on = [threading.Event() for _ in range(4)]
    places = [line.join("cpu", told[n].append) for n in range(3)]
    assert told == [[0], [1], [2], []]

    def turn(number: int, place: Any, device: str) -> None:
        line.wait(place, device, lambda: None)
        order.append(number)
        go_on[number].wait(10)
        line.leave(place)

    def start(number: int, place: Any, device: str = "cpu") -> threading.Thread:
        thread = threading.Thread(target=turn, args=(number, place, device))
        thread.start()
        return thread

    def until(true: Callable[[], bool]) -> None:
        end = time.monotonic() + 10
        while not true() and time.monotonic() < end:
            time.sleep(0.005)
        assert true()

    # The first one's model is still being loaded: the second passes, and the first is told of it.
    threads = [start(1, places[1])]
    until(lambda: order == [1])
    assert told == [[0, 1], [1, 0], [2], []]
    threads.append(start(2, places[2]))
    threads.append(start(0, places[0]))
    # One on another device has nobody before it.
    threads.append(start(3, line.join("cpu", told[3].append), "cuda:0"))
    until(lambda: 3 in order)
    assert told[3] == [3, 0]
    time.sleep(0.05)
    assert order == [1, 3]
    go_on[1].set()
    until(lambda: len(order) == 3)
    assert order[-1] == 0  # it stood before the third
    go_on[0].set()
    until(lambda: len(order) == 4)
    for event in go_on:
        event.set()
    for thread in threads:
        thread.join(10)
    assert line._lines == {}
