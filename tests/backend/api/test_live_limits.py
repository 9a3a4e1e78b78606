"""The program as it is started: clients that stop reading, clients that come and go, and an end in mid-generation."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgpack
import numpy as np
import psutil
import pytest

from neuronscope.traces.store import Trace
from support.live import LiveClient, live_client, recorded, save_long, without_id
from support.process import Program, program


@dataclass(frozen=True)
class Started:
    """A running program and its process."""

    program: Program
    process: psutil.Process
    home: Path

    @property
    def client(self) -> Any:
        return self.program.client


def _start(folder: Path) -> Iterator[Started]:
    home = folder / "home"
    with program(home, ["--model-dir", str(folder / "models")]) as running:
        pid = json.loads((home / "server.json").read_text("utf-8"))["pid"]
        yield Started(running, psutil.Process(pid), home)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("program")
    save_long(folder / "models" / "long", seed=1)
    return folder


@pytest.fixture(scope="module")
def started(models: Path) -> Iterator[Started]:
    yield from _start(models)


WIDE = {
    "prompt": "a" * 3000,
    "tokens": 110,
    "config": {"attention_tier": "full_row", "quantization": "f32", "max_bytes_per_step": 1 << 20},
}
"""A run whose steps hold 100 kB and more: 110 of them are more than the sockets' buffers take."""


STALLED: dict[str, Any] = {"max_queue": 16}
"""A client that reads only what it asks for."""


def _step_time(client: LiveClient) -> float:
    """Median seconds between the steps of the run that a client watches to its end."""
    times = []
    while (event := client.receive())["type"] != "done":
        assert event["type"] in ("queued", "start", "step"), event
        times += [time.perf_counter()] if event["type"] == "step" else []
    return float(np.median(np.diff(times[1:])))


@pytest.fixture(scope="module")
def wide(started: Started) -> str:
    """The trace of such a run."""
    with live_client(started.client) as client:
        trace_id = client.generate(**WIDE)
        client.to_end()
    assert (started.home / "traces" / f"{trace_id}.trace").stat().st_size > 8 << 20
    return trace_id


@pytest.mark.slow
def test_a_client_that_stops_reading_costs_the_run_nothing_and_misses_nothing(started: Started, wide: str) -> None:
    """Runs with and without it in turn, to compare them."""
    alone, beside = [], []
    with live_client(started.client) as client, live_client(started.client, **STALLED) as stalled:
        for _ in range(2):
            client.generate(**WIDE)
            alone.append(_step_time(client))
            trace_id = client.generate(**WIDE)
            stalled.send("watch", trace_id=trace_id)
            beside.append(_step_time(client))
        # Both ended while nothing but what the buffers hold was read; now the last one is, to its last step.
        events: list[dict[str, Any]] = []
        while not events or (events[-1]["type"], events[-1]["trace_id"]) != ("done", trace_id):
            events.append(stalled.receive())
    assert without_id([event for event in events if event["trace_id"] == trace_id]) == recorded(
        started.client, trace_id
    )
    # The goal is 5%; a busy machine alone varies by more.
    assert min(beside) < 1.3 * min(alone), (beside, alone)


@pytest.mark.slow
def test_a_client_that_stops_reading_takes_no_memory(started: Started, wide: str) -> None:
    """It asks for twenty runs of over 8 MB each and reads none."""
    folder = started.home / "traces"
    copies = [f"t_{number:026d}" for number in range(20)]
    for copy in copies:
        shutil.copy(folder / f"{wide}.trace", folder / f"{copy}.trace")
    with live_client(started.client, **STALLED) as client:
        client.send("watch", trace_id=wide)
        client.to_end()
        before = started.process.memory_info().rss
        for copy in copies:
            client.send("watch", trace_id=copy)
        client.send("stop", trace_id="nothing")
        time.sleep(2)
        # Each of them has a mebibyte or so of its trace in hand, and waits.
        assert started.process.memory_info().rss - before < 60 << 20
        client.receive()
    for copy in copies:
        (folder / f"{copy}.trace").unlink()


@pytest.mark.slow
def test_clients_that_come_and_go_leave_nothing_behind(started: Started) -> None:
    """A thousand connections, a hundred at once, each with a run watched half way or a bad message."""
    with live_client(started.client) as client:
        ended = client.generate(tokens=30)
        client.to_end()

    def visit(number: int) -> None:
        with live_client(started.client, credit=None) as visitor:
            if number % 3 == 0:
                visitor.send("watch", trace_id=ended, from_step=number % 30)
                visitor.receive()
            elif number % 3 == 1:
                visitor.connection.send("nonsense")
                assert visitor.receive()["type"] == "error"
            else:
                visitor.connection.socket.close()

    def visits(count: int) -> None:
        with ThreadPoolExecutor(100) as people:
            for _ in people.map(visit, range(count)):
                pass

    # What a server needs for a hundred at once stays with it, and its heap takes a while to find its size. A leak grows
    # in every round.
    visits(500)
    _settle(started)
    held, threads = [started.process.memory_info().rss], started.process.num_threads()
    for _ in range(3):
        visits(1000)
        _settle(started)
        held.append(started.process.memory_info().rss)
        if held[-1] < 1.02 * held[-2]:
            break
    assert held[-1] < 1.02 * held[-2], held
    assert started.process.num_threads() <= threads
    assert _connections(started) == 0


def _connections(started: Started) -> int:
    """Open sockets of the server, but for the one that listens and the client's own."""
    port = started.client.base_url.port
    here = {one.laddr.port for one in psutil.Process().net_connections("tcp") if one.raddr and one.raddr.port == port}
    found = [one for one in started.process.net_connections("tcp") if one.raddr and one.laddr.port == port]
    return len([one for one in found if one.status == "ESTABLISHED" and one.raddr.port not in here])


def _settle(started: Started) -> None:
    end = time.monotonic() + 10
    while _connections(started) and time.monotonic() < end:
        time.sleep(0.05)
    time.sleep(0.2)


@pytest.mark.slow
def test_an_end_in_mid_generation_leaves_whole_traces(models: Path) -> None:
    """A program of its own, ended with a run under way, one that waits, and a client that left without reading."""
    for started in _start(models):
        with (
            live_client(started.client) as client,
            live_client(started.client) as other,
            live_client(started.client, **STALLED) as stalled,
        ):
            trace_id = client.generate(**{**WIDE, "tokens": 4000})
            stalled.send("watch", trace_id=trace_id)
            waiting = other.generate(tokens=8000)
            seen = client.until(lambda event: event.get("step") == 100)
            _say_goodbye(stalled)
            client.until(lambda event: event.get("step", 0) > 110)
            started.process.terminate()
            assert started.process.wait(20) == 0
    path = started.home / "traces" / f"{trace_id}.trace"
    assert [one.name for one in path.parent.glob(f"{trace_id}*")] == [path.name]
    assert not list(path.parent.glob(f"{waiting}*"))
    with Trace.open(path) as trace:
        assert trace.closed
        assert trace.end["reason"] == "stopped"
        found = list(trace.events())
    before = without_id(seen)
    assert msgpack.unpackb(msgpack.packb(found[: len(before)])) == before


def _say_goodbye(client: LiveClient) -> None:
    """Close the connection as the protocol has it, and read nothing of what is still to come."""
    client.connection.protocol.send_close(1000)
    client.connection.socket.sendall(b"".join(client.connection.protocol.data_to_send()))
