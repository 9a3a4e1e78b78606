"""S6: a random step of a trace of 10,000 steps over REST; the steps are those of a default run of the GPT-2 shape."""

from __future__ import annotations

import itertools
import random
import statistics
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from common import Result, seconds
from live import Shape

from support.process import program

STEPS, QUERIES = 10_000, 500
WARM_SECONDS = 8


def measure() -> Iterator[Result]:
    from neuronscope.traces.store import Trace

    with tempfile.TemporaryDirectory() as home:
        trace_id, kilobytes = _record(Path(home) / "traces")
        opened = seconds(lambda: Trace.open(Path(home) / "traces" / f"{trace_id}.trace").step_count) * 1000
        chooser = random.Random(0)  # noqa: S311  # a choice of steps, no secret
        with program(Path(home)) as running:
            # Once the server has warmed up: until then imports and compiled loops hold the interpreter for most of the time.
            running.post("/api/captures", prompt="23 + 45")
            time.sleep(WARM_SECONDS)
            times = []
            for _ in range(QUERIES):
                address = f"/api/traces/{trace_id}/steps/{chooser.randrange(STEPS)}"
                times.append(seconds(lambda a=address: running.client.get(a).raise_for_status()) * 1000)
    p99 = statistics.quantiles(times, n=100)[98]
    note = f"median {statistics.median(times):.2f} ms; opened in {opened:.1f} ms; {kilobytes:.0f} kB a step"
    yield Result("S6 random step of 10,000 over REST, p99", p99, None, None, "≤ 5 ms", p99 <= 5, "ms", note)


def _record(folder: Path) -> tuple[str, float]:
    """A trace of real steps, repeated until there are enough; its id and size."""
    from neuronscope.capture.generate import Generation
    from neuronscope.core.events import Done, Step
    from neuronscope.core.generation import GenerateRequest
    from neuronscope.traces.writer import TraceWriter

    shape = Shape()
    generation = Generation(shape.loaded, GenerateRequest(prompt=shape.prompt, max_new_tokens=12))
    events = list(generation.events())
    steps = [event for event in events if isinstance(event, Step)]
    path = folder / f"{generation.trace_id}.trace"
    with TraceWriter(path, generation.start, prompt=shape.prompt) as writer:
        writer.write(steps[0])
        for number, step in zip(range(1, STEPS), itertools.cycle(steps[1:]), strict=False):
            writer.write(replace(step, step=number, pos0=number + 15))
        writer.finish(Done("length"))
    return generation.trace_id, path.stat().st_size / STEPS / 1000
