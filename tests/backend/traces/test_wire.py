from __future__ import annotations

import sqlite3
import threading
from pathlib import Path
from typing import Any

import msgpack
import pytest
import zstandard

from neuronscope.capture.generate import Generation
from neuronscope.core.events import Done, Event, Failed, Receipt, Start, Step, to_map
from neuronscope.runtime.run import Run
from neuronscope.traces.store import Trace
from neuronscope.traces.wire import Frame, pack_event, step_frame
from support.runs import request, tiny


def _plain(event: Event) -> Any:
    return msgpack.unpackb(msgpack.packb(to_map(event)))


def _run(folder: Path, config: dict[str, Any], count: int = 5) -> tuple[list[Event], list[Frame], Path]:
    frames: list[Frame] = []
    run = Run(Generation(tiny("llama"), request(count), config), folder, frames.append)
    events = list(run)
    assert run.path is not None
    return events, frames, run.path


CONFIGS: list[dict[str, Any]] = [
    {},
    {"capture_mode": "stats"},
    {"capture_mode": "sampled", "quantization": "q8"},
    {"capture_mode": "tile", "quantization": "q8"},
    {"max_bytes_per_step": 1500},
    {"capture_mode": "full", "attention_tier": "full_matrix"},
]


@pytest.mark.parametrize("config", CONFIGS)
def test_frames_are_the_events_and_the_file_gives_the_same_bytes(tmp_path: Path, config: dict[str, Any]) -> None:
    events, frames, path = _run(tmp_path, config)
    assert [frame.event for frame in frames] == events
    for frame, event in zip(frames, events, strict=True):
        found = msgpack.unpackb(frame.data)
        assert found == _plain(event)
        assert next(iter(found)) == "type"
        assert frame.data == pack_event(event)
    with Trace.open(path) as trace:
        for frame in frames:
            if frame.step is not None:
                assert msgpack.unpackb(step_frame(trace, frame.step)) == msgpack.unpackb(frame.data)
                if config.get("capture_mode") != "full":
                    assert step_frame(trace, frame.step) == frame.data


def test_what_is_published_can_be_read_back_at_once(tmp_path: Path) -> None:
    seen: list[tuple[str, bool]] = []
    threads: set[str] = set()

    def look(frame: Frame) -> None:
        threads.add(threading.current_thread().name)
        path = next(tmp_path.glob("*.trace"))
        with Trace.open(path) as trace:
            if isinstance(frame.event, Step):
                seen.append(("step", msgpack.unpackb(step_frame(trace, frame.event.step)) == _plain(frame.event)))
            elif isinstance(frame.event, Receipt):
                found = trace.receipt(frame.event.step)
                seen.append(("receipt", found is not None and _plain(found) == _plain(frame.event)))
            else:
                seen.append((frame.event.type, trace.closed == isinstance(frame.event, Done | Failed)))

    change = {"units": ["mlp_act.1:3"], "op": "ablate_zero"}
    list(Run(Generation(tiny("llama"), request(3), None, [change]), tmp_path, look))
    assert seen == [("start", True), *[("step", True), ("receipt", True)] * 3, ("done", True)]
    assert all(name.startswith("recorder-") for name in threads)


def test_a_light_frame_keeps_statistics_and_names_what_went(tmp_path: Path) -> None:
    _, frames, _ = _run(tmp_path, {})
    frame = next(f for f in frames if f.step == 2)
    full, light = msgpack.unpackb(frame.data), msgpack.unpackb(frame.light())
    assert {e["address"]: e["stats"] for e in light["entries"]} == {e["address"]: e["stats"] for e in full["entries"]}
    assert all(entry["payload"] is None for entry in light["entries"])
    assert light["dropped"]["policy"] == "no_credit"
    assert light["dropped"]["addresses"] == [e["address"] for e in full["entries"] if e["payload"] is not None]
    assert light["top"] == full["top"]
    assert len(frame.light()) < len(frame.data)
    stats = next(
        f for f in _run(tmp_path, {"capture_mode": "stats", "points": ["ln_f"], "logits_topk": 0})[1] if f.step
    )
    assert stats.light() == stats.data


def test_publishing_goes_on_where_recording_ended(tmp_path: Path) -> None:
    events, frames, path = _run(tmp_path, {"max_bytes_per_step": 100, "drop_policy": "stop_trace"})
    assert [frame.event for frame in frames] == events
    with Trace.open(path) as trace:
        assert trace.closed
        assert trace.step_count == 0


def test_a_listener_that_fails_harms_nobody(tmp_path: Path) -> None:
    def fail(frame: Frame) -> None:
        raise RuntimeError("a listener's own trouble")

    run = Run(Generation(tiny("llama"), request(3)), tmp_path, fail)
    assert isinstance(list(run)[-1], Done)
    assert run.path is not None
    with Trace.open(run.path) as trace:
        assert trace.step_count == 3


def test_a_chunk_of_an_earlier_version_travels_too(tmp_path: Path) -> None:
    _, frames, path = _run(tmp_path, {})
    with sqlite3.connect(path) as db:
        chunk = db.execute("SELECT chunk FROM steps WHERE step=1").fetchone()[0]
        body = msgpack.unpackb(zstandard.decompress(chunk))
        del body["dropped"]
        db.execute("UPDATE steps SET chunk=? WHERE step=1", (zstandard.compress(msgpack.packb(body)),))
    with Trace.open(path) as trace:
        frame = next(f for f in frames if f.step == 1)
        assert msgpack.unpackb(step_frame(trace, 1)) == msgpack.unpackb(frame.data)


def test_the_start_is_an_event_like_any_other(tmp_path: Path) -> None:
    _, frames, _ = _run(tmp_path, {})
    assert isinstance(frames[0].event, Start)
    assert not frames[0].has_payload
    assert frames[0].light() == frames[0].data
