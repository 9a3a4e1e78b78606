"""The end of a trace while others read it."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from neuronscope.core.events import Done, Start, Step, Token
from neuronscope.traces import writer
from neuronscope.traces.store import Trace
from neuronscope.traces.writer import TraceWriter


def _write(path: Path) -> TraceWriter:
    start = Start("t_" + "0" * 26, "m", None, "key", {"layer_count": 1}, (Token(1, "a"),), ("resid_post.0",))
    made = TraceWriter(path, start, prompt="a")
    made.write(Step("prefill", 0, 0, 1, (Token(1, "a"),), (), 2, "b", -0.5))
    return made


def _files(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_trace_that_is_being_read_becomes_one_file_once_the_reader_is_done(tmp_path: Path) -> None:
    path = tmp_path / "a.trace"
    made = _write(path)
    reader = Trace.open(path)
    assert reader.step(0).token == "b"
    threading.Timer(0.3, reader.close).start()
    begun = time.monotonic()
    made.finish(Done("length"))
    assert time.monotonic() - begun >= 0.25
    made.close()
    assert _files(tmp_path) == {"a.trace"}
    with Trace.open(path) as trace:
        assert (trace.closed, trace.end["reason"], trace.step_count) == (True, "length", 1)


def test_a_reader_that_stays_keeps_nobody_from_ending_the_trace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "PATIENCE", 0.1)
    path = tmp_path / "a.trace"
    made = _write(path)
    with Trace.open(path) as reader:
        assert reader.step_count == 1
        made.finish(Done("length"))
        made.close()
        # All is in the file itself: a copy of it alone reads.
        copy = tmp_path / "copy"
        copy.mkdir()
        (copy / "a.trace").write_bytes(path.read_bytes())
    for found in (path, copy / "a.trace"):
        with Trace.open(found) as trace:
            assert (trace.closed, trace.end["reason"], trace.step(0).token) == (True, "length", "b")
