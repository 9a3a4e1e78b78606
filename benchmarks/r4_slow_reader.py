"""R4: what a live run loses where other clients ask for its frames and stop reading, against the same run without them."""

from __future__ import annotations

import statistics
from collections.abc import Iterator

from common import Result
from live import NEW_TOKENS, Shape, interleaved, ratio

STALLED = 4
GOAL = 0.95


def measure() -> Iterator[Result]:
    shape = Shape()
    with shape.streamed() as streamed:
        times = interleaved({"alone": streamed, "stalled": lambda: streamed(STALLED)})
    speeds = {name: NEW_TOKENS / statistics.median(found) for name, found in times.items()}
    reached = ratio(times["alone"], times["stalled"])
    note = f"GPT-2 shape, default trace configuration; {STALLED} clients that read nothing beside the one that reads"
    yield Result(
        "R4 live decode beside stalled clients", speeds["stalled"], speeds["alone"], reached, f"≥ {GOAL}", reached >= GOAL,
        "tokens/s", note,
    )  # fmt: skip
