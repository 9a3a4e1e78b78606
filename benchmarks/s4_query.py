"""S4: the 32 strongest contexts of random neurons over REST, 16 tokens to either side, from an index of a million tokens and
all neurons of a narrow GPT-2 shape.

What a query costs depends on neurons, tokens and contexts, not on the model's width. Each neuron is asked about once, so that
nothing of it is at hand. The index is built by the command line at the first time, which takes some minutes, and kept.
"""

from __future__ import annotations

import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import psutil
from common import Result

from support.process import Program, program

TOKENS, LAYERS, NEURONS = 1_000_000, 12, 3072
QUERIES, COLD = 2000, 100
IDLE = 5
"""Per cent of a core below which a server counts as settled."""
KEPT = Path(tempfile.gettempdir()) / "neuronscope-benchmarks" / f"s4-{TOKENS}-{LAYERS}x{NEURONS}"
"""Where model, corpus and index lie; removing it costs a build."""


def measure() -> Iterator[Result]:
    found = _index()
    folder = KEPT / "home" / "indexes" / found["index_id"]
    neurons = [(layer, unit) for layer in range(LAYERS) for unit in range(NEURONS)]
    random.Random(0).shuffle(neurons)  # noqa: S311  # a choice of neurons, no secret
    _forget(folder)
    with program(KEPT / "home") as running:
        _settle(KEPT / "home")
        asker = _Asker(running, folder.name)
        cold = [asker.milliseconds(*neurons.pop()) for _ in range(COLD)]
        _remember(folder)
        times = [asker.milliseconds(*neurons.pop()) for _ in range(QUERIES)]
    p99 = statistics.quantiles(times, n=100)[98]
    note = (
        f"{found['tokens']} tokens × {LAYERS * NEURONS} neurons, one client, each of {QUERIES} neurons once, files in the "
        f"system's cache; median {statistics.median(times):.2f} ms, worst {max(times):.1f} ms. With nothing of the index in "
        f"the cache: the first query {cold[0]:.0f} ms, the next {COLD - 1} {statistics.median(cold[1:]):.1f} ms"
    )
    yield Result("S4 query over REST, p99", p99, None, None, "≤ 10 ms", p99 <= 10, "ms", note)


def _settle(home: Path) -> None:
    """Wait until a server that has just started has done what it does beside its first answers: it imports torch."""
    server = psutil.Process(json.loads((home / "server.json").read_text("utf-8"))["pid"])
    while server.cpu_percent(1) > IDLE:
        continue


class _Asker:
    """A client that does as little as a client can: what is timed is the server's."""

    def __init__(self, running: Program, index_id: str) -> None:
        self._connection = HTTPConnection(running.client.base_url.host, running.client.base_url.port)
        self._headers = {"Authorization": running.client.headers["authorization"]}
        self._query = {"k": 32, "window": 16, "index_id": index_id}

    def milliseconds(self, layer: int, unit: int) -> float:
        """From asking to having the whole answer."""
        path = "/api/neurons/top?" + urlencode({"layer": layer, "unit": unit, **self._query})
        start = time.perf_counter()
        self._connection.request("GET", path, headers=self._headers)
        answer = self._connection.getresponse()
        body = answer.read()
        taken = time.perf_counter() - start
        assert answer.status == 200, body[:200]
        assert len(json.loads(body)["contexts"]) == 32
        return taken * 1000


def _index() -> dict[str, Any]:
    """What the command line says of the index, which it builds where there is none yet."""
    import zipf

    model, corpus = KEPT / "model", KEPT / "corpus.jsonl"
    if not corpus.is_file():
        KEPT.mkdir(parents=True, exist_ok=True)
        zipf.model(LAYERS, NEURONS).save_pretrained(model)
        zipf.tokenizer().save_pretrained(model)
        corpus.write_text("".join(json.dumps({"text": text}) + "\n" for text in zipf.texts(TOKENS)), "utf-8")
    command = [sys.executable, "-m", "neuronscope.cli.main", "index", "build", str(corpus), "-m", str(model), "--json"]
    environment = {**os.environ, "NEURONSCOPE_HOME": str(KEPT / "home")}
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _forget(folder: Path) -> None:
    """Have the system drop an index from its cache, as far as it will."""
    for path in folder.iterdir():
        with path.open("rb") as stream:
            os.fsync(stream.fileno())
            os.posix_fadvise(stream.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _remember(folder: Path) -> None:
    for path in folder.iterdir():
        path.read_bytes()
