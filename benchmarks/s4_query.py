"""S4: the 32 strongest contexts of random neurons of the bundled model over REST, 16 tokens to either side."""

from __future__ import annotations

import random
import statistics
import tempfile
from collections.abc import Iterator
from pathlib import Path

from common import Result, seconds

from support.process import program

QUERIES = 500
DOCUMENTS = 2000


def measure() -> Iterator[Result]:
    with tempfile.TemporaryDirectory() as home, program(Path(home)) as running:
        job = running.post("/api/indexes", corpus="bundled", documents=DOCUMENTS, k=32)
        index_id = job["result"]["index_id"]
        entry = next(row for row in running.get("/api/indexes")["indexes"] if row["index_id"] == index_id)
        chooser = random.Random(0)  # noqa: S311  # a choice of neurons, no secret
        times = []
        for _ in range(QUERIES):
            layer, unit = chooser.choice(entry["layers"]), chooser.randrange(entry["units"])
            query = {"layer": layer, "unit": unit, "k": 32, "window": 16, "index_id": index_id}
            times.append(seconds(lambda q=query: running.get("/api/neurons/top", **q)) * 1000)
    p99 = statistics.quantiles(times, n=100)[98]
    size = f"{entry['tokens']} tokens × {entry['units'] * len(entry['layers'])} neurons"
    note = f"{size}, one client; median {statistics.median(times):.2f} ms"
    yield Result("S4 query over REST, p99", p99, None, None, "≤ 10 ms", p99 <= 10, "ms", note)
