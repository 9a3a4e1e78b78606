"""S2: a live run of the GPT-2 shape with the default trace configuration, all layers, recorded and streamed to one client.

The client is a process of its own, as a page is; what it and the socket cost is in the figure. Against plain generate.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator

from common import Result
from live import NEW_TOKENS, Shape, interleaved, ratio

GOAL = 0.95
MOST_ADDED = 2
"""Milliseconds that a step of the bundled model may take longer."""


def measure() -> Iterator[Result]:
    shape = Shape()
    assert shape.run() == shape.plain()
    size = shape.size / NEW_TOKENS
    with shape.streamed() as streamed:
        ways = {
            "plain": shape.plain,
            "recorded and streamed": streamed,
            "recorded": shape.run,
            "neither": lambda: shape.run(record=False),
            "watching one statistic": lambda: shape.run({"capture_mode": "stats", "points": ["ln_f"]}, record=False),
        }
        times = interleaved(ways)
    median = {name: statistics.median(found) / NEW_TOKENS * 1000 for name, found in times.items()}
    reached = ratio(times["plain"], times["recorded and streamed"])
    parts = ", ".join(f"{name} {median[name]:.1f}" for name in ways)
    alone = ratio(times["plain"], times["recorded"])
    note = f"ms a token over {NEW_TOKENS}: {parts}; recorded alone {alone:.2f}; {size / 1000:.0f} kB a step in the file"
    yield Result(
        "S2 live decode, recorded", 1000 / median["recorded and streamed"], 1000 / median["plain"], reached, f"≥ {GOAL}",
        reached >= GOAL, "tokens/s", note,
    )  # fmt: skip
    yield _bundled()


def _bundled() -> Result:
    """What a step of the bundled model takes longer."""
    from neuronscope.models.loading.loader import load
    from neuronscope.models.loading.sources import BUNDLED_ID, Sources

    small = Shape(load(Sources().find(BUNDLED_ID), device="cpu"), "Once upon a time")
    assert small.run() == small.plain()
    with small.streamed() as streamed:
        times = interleaved({"plain": small.plain, "recorded and streamed": streamed, "recorded": small.run})
    taken = {name: statistics.median(found) / NEW_TOKENS * 1000 for name, found in times.items()}
    added = taken["recorded and streamed"] - taken["plain"]
    note = ", ".join(f"{name} {value:.2f}" for name, value in taken.items()) + " ms a token"
    name = "S2 time added to a step of the bundled model"
    return Result(name, added, None, None, f"≤ {MOST_ADDED} ms", added <= MOST_ADDED, "ms", note)
