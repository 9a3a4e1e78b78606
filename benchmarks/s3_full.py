"""S3: every point of the GPT-2 shape kept whole at every token, attention matrices too, in a trace file."""

from __future__ import annotations

import statistics
from collections.abc import Iterator

from common import Result
from live import NEW_TOKENS, Shape, interleaved, ratio

GOAL = 0.85


def measure() -> Iterator[Result]:
    shape = Shape()
    points = sorted({address.point for address in shape.loaded.anatomy.sites})
    config = {"capture_mode": "full", "attention_tier": "full_matrix", "points": points}
    assert shape.run(config) == shape.plain()
    size = shape.size / NEW_TOKENS
    times = interleaved({"plain": shape.plain, "recorded": lambda: shape.run(config)})
    median = {name: statistics.median(found) / NEW_TOKENS * 1000 for name, found in times.items()}
    reached = ratio(times["plain"], times["recorded"])
    parts = ", ".join(f"{name} {value:.1f}" for name, value in median.items())
    note = f"{len(points)} points, ms a token: {parts}; {size / 1000:.0f} kB a step"
    yield Result(
        "S3 full capture to a trace file", 1000 / median["recorded"], 1000 / median["plain"], reached, f"≥ {GOAL}",
        reached >= GOAL, "tokens/s", note,
    )  # fmt: skip
