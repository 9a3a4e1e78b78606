from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import msgpack
import pytest

from neuronscope.capture.generate import Generation
from neuronscope.core.errors import Damaged, NotFound
from neuronscope.core.events import Done, Entry, Event, Start, Step, Token, to_map
from neuronscope.runtime.run import Run
from neuronscope.traces.recorder import Recorder
from neuronscope.traces.replay import replay
from neuronscope.traces.store import Trace
from neuronscope.traces.writer import TraceWriter
from support.runs import request, tiny

TOKENS = (Token(1, "a"),)
ID = "t_" + "0" * 26
KILLS = int(os.environ.get("NEURONSCOPE_KILLS", "10"))
"""Moments at which a recording process is killed."""


def _start(mode: str = "topk") -> Start:
    return Start(ID, "m", None, "key", {"layer_count": 2, "capture_mode": mode}, TOKENS, ("mlp_act.1",))


def _step(number: int, size: int = 100) -> Step:
    payload = {"kind": "sampled_hidden", "stride": 1, "positions": [0], "dtype": "f32", "values": bytes(4 * size)}
    return Step(
        "decode", number, number, 1, TOKENS, (Entry("mlp_act.1", (1, size), {"mean": 1.0}, payload),), 1, "a", -1.0
    )


def _wire(event: Any) -> Any:
    """As it looks to a client, where tuples are lists."""
    return msgpack.unpackb(msgpack.packb(event))


@pytest.mark.parametrize(
    "config",
    [{}, {"capture_mode": "full", "attention_tier": "full_matrix"}, {"capture_mode": "full", "quantization": "q8"}],
)
def test_what_is_replayed_is_what_was_live(tmp_path: Path, config: dict[str, Any]) -> None:
    change = {"units": ["mlp_act.1:3"], "op": "scale", "value": 0.5, "positions": [3, 13]}
    run = Run(Generation(tiny("llama"), request(5), config, [change]), tmp_path)
    live = [_wire(to_map(event)) for event in run]
    assert [event["type"] for event in live] == ["start", *["step", "receipt"] * 5, "done"]
    assert run.path is not None
    with Trace.open(run.path) as trace:
        assert [_wire(event) for event in replay(trace)] == live
        assert [_wire(event) for event in replay(trace, first=3)] == [live[0], *live[7:]]
        assert trace.closed


def test_replay_keeps_its_speed_and_can_be_stopped(tmp_path: Path) -> None:
    run = Run(Generation(tiny("llama"), request(9)), tmp_path)
    list(run)
    assert run.path is not None
    with Trace.open(run.path) as trace:
        begun = time.monotonic()
        assert len(list(replay(trace, steps_per_second=40))) == 11
        assert 0.19 < time.monotonic() - begun < 2
        stopped = threading.Event()
        seen = []
        for event in replay(trace, steps_per_second=1000, stopped=stopped):
            seen.append(event["type"])
            if len(seen) == 3:
                stopped.set()
        assert seen == ["start", "step", "step"]


def test_a_run_that_is_left_closes_its_trace(tmp_path: Path) -> None:
    before = threading.active_count()
    run = Run(Generation(tiny("llama"), request(9)), tmp_path)
    for event in run:
        if isinstance(event, Step) and event.step == 2:
            break
    run.close()
    assert threading.active_count() == before
    assert run.path is not None
    assert [p.name for p in tmp_path.iterdir()] == [run.path.name]
    with Trace.open(run.path) as trace:
        assert (trace.step_count, trace.end["reason"], trace.closed) == (3, "stopped", True)


def test_stop_trace_ends_the_recording_and_not_the_run(tmp_path: Path) -> None:
    # Attention rows grow by a key at each step.
    config = {
        "max_bytes_per_step": 600, "drop_policy": "stop_trace", "points": ("attn_weights",), "attention_tier": "full_row"
    }  # fmt: skip
    run = Run(Generation(tiny("llama"), request(30), config), tmp_path)
    events: list[Event] = list(run)
    over = [event.step for event in events if isinstance(event, Step) and event.dropped is not None]
    assert len([event for event in events if isinstance(event, Step)]) == 30
    assert over[0] > 1
    assert run.path is not None
    with Trace.open(run.path) as trace:
        assert trace.step_count == over[0]
        assert trace.end["reason"] == "stopped"


class _SlowDisk:
    """Holds the writer back until it is let go."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.go = threading.Event()
        write = TraceWriter.write

        def slowly(writer: TraceWriter, step: Step, tensors: Any = None, chunk: bytes | None = None) -> None:
            self.go.wait(10)
            write(writer, step, tensors, chunk)

        monkeypatch.setattr(TraceWriter, "write", slowly)


def test_a_slow_disk_costs_payloads_not_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = _SlowDisk(monkeypatch)
    recorder = Recorder(tmp_path / f"{ID}.trace", _start(), "", limit=1000)
    begun = time.monotonic()
    for number in range(50):
        recorder.put(_step(number))
    assert time.monotonic() - begun < 1
    disk.go.set()
    recorder.put(Done("length"))
    recorder.close()
    with Trace.open(tmp_path / f"{ID}.trace") as trace:
        assert trace.step_count == 50
        kept = [trace.step(n).entries[0].payload is not None for n in range(50)]
        assert kept[:2] == [True, True]
        assert kept.count(False) >= 46
        last = trace.step(49)
        assert last.entries[0].stats == {"mean": 1.0}
        assert last.dropped is not None
        assert last.dropped["addresses"] == ["mlp_act.1"]


def test_where_tensors_are_the_point_the_run_waits_for_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = _SlowDisk(monkeypatch)
    recorder = Recorder(tmp_path / f"{ID}.trace", _start("full"), "", limit=1000)
    thread = threading.Thread(target=lambda: [recorder.put(_step(n)) for n in range(20)])
    thread.start()
    thread.join(0.3)
    assert thread.is_alive()
    disk.go.set()
    thread.join()
    recorder.close()
    with Trace.open(tmp_path / f"{ID}.trace") as trace:
        assert all(trace.step(n).entries[0].payload is not None for n in range(20))


def test_a_full_disk_ends_the_recording_and_keeps_what_is_committed(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / f"{ID}.trace", _start(), "")
    recorder._writer._db.execute("PRAGMA max_page_count=40")
    for number in range(40):
        step = _step(number)
        noise = os.urandom(4000)
        entry = Entry("mlp_act.1", (1, 1000), {}, {**(step.entries[0].payload or {}), "values": noise})
        recorder.put(Step("decode", number, number, 1, TOKENS, (entry,)))
    recorder.close()
    assert recorder.error is not None
    assert recorder.error.code == "storage_full"
    with Trace.open(tmp_path / f"{ID}.trace") as trace:
        assert 0 < trace.step_count < 40
        assert all(trace.step(n).step == n for n in range(trace.step_count))


KILLED = """
import sys
import time
from pathlib import Path
from neuronscope.core.events import Entry, Start, Step, Token
from neuronscope.traces.recorder import Recorder
tokens = (Token(1, "a"),)
start = Start(sys.argv[2], "m", None, "key", {"layer_count": 2, "capture_mode": sys.argv[3]}, tokens, ("mlp_act.1",))
recorder = Recorder(Path(sys.argv[1]), start, "", limit=1 << 33)
number = 0
while True:
    payload = {"kind": "full", "dtype": "f16", "values": number.to_bytes(4, "little") * 5000}
    recorder.put(Step("decode", number, number, 1, tokens, (Entry("mlp_act.1", (1, 10000), {"mean": 1.0}, payload),)))
    number += 1
    time.sleep(0.0005)
"""


def _committed(path: Path) -> int:
    try:
        with Trace.open(path) as trace:
            return trace.step_count
    except (Damaged, NotFound):
        return 0  # the file is still being laid out


def test_every_committed_step_survives_a_kill(tmp_path: Path) -> None:
    """R2. What was seen committed before the kill is there after it, whole: written by a thread, or by the run itself."""
    moments = random.Random(0)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    for number in range(KILLS):
        path = tmp_path / f"{number}.trace"
        command = [sys.executable, "-c", KILLED, str(path), ID, ("topk", "full")[number % 2]]
        process = subprocess.Popen(command, env=environment)
        while not _committed(path):
            assert process.poll() is None
            time.sleep(0.005)
        time.sleep(moments.random() * 0.3)
        seen = _committed(path)
        process.send_signal(signal.SIGKILL)
        process.wait()
        with Trace.open(path) as trace:
            assert trace.step_count >= seen > 0
            assert trace.end["reason"] == "stopped"
            for step in range(trace.step_count):
                payload = trace.step(step, tensors=True).entries[0].payload
                assert payload is not None
                assert payload["values"] == step.to_bytes(4, "little") * 5000
