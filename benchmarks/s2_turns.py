"""S2 without streaming, step by step: transformers' own generation and ours take turns in one thread, a few tokens each.

On a machine whose memory others use too, runs of some seconds one after the other differ by more than a change of the code
makes. Here both meet the same moments. What it leaves out is how a run begins and ends.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator

from common import Result
from greenlet import getcurrent, greenlet
from live import NEW_TOKENS, Shape, ratio

GOAL = 0.95
ROUNDS = 5
TURN = 4
"""Tokens of a turn: what a recorder's thread still does after one step falls into the next of the same run, mostly."""


class _Turns:
    """A streamer that hands over to whoever asked for the next token."""

    def __init__(self) -> None:
        self._asks = getcurrent()

    def put(self, _tokens: object) -> None:
        self._asks.switch()

    def end(self) -> None:
        """Nothing is left to hand over."""


def measure() -> Iterator[Result]:
    shape = Shape()
    plain: list[float] = []
    ours: list[float] = []
    for number in range(ROUNDS + 1):
        ways = [(_plain(shape), plain), (_recorded(shape), ours)]
        for turn in range(NEW_TOKENS // TURN):
            for step, times in ways:
                start = time.perf_counter()
                for _ in range(TURN):
                    step()
                # The first turn holds the prompt, and the first round all that is done once.
                if turn and number:
                    times.append((time.perf_counter() - start) / TURN)
        for step, _ in ways:
            step()  # to its end
    reached = ratio(plain, ours)
    added = statistics.median(b - a for a, b in zip(plain, ours, strict=True)) * 1000
    note = f"a step takes {added:+.2f} ms longer, median of {len(ours)} turns of {TURN} tokens"
    yield Result(
        "S2 a recorded step by itself, in turns", 1 / statistics.median(ours), 1 / statistics.median(plain), reached,
        f"≥ {GOAL}", reached >= GOAL, "tokens/s", note,
    )  # fmt: skip


def _plain(shape: Shape) -> Callable[[], object]:
    turns = _Turns()
    generating = greenlet(lambda: shape.plain(streamer=turns))
    generating.switch()  # it hands over the prompt first
    return generating.switch


def _recorded(shape: Shape) -> Callable[[], object]:
    steps = shape.steps()
    return lambda: next(steps, None)
