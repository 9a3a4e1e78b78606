from __future__ import annotations

import errno
import sqlite3
from pathlib import Path

import numpy as np
import pytest

from neuronscope.core.errors import Damaged, NotCaptured, NotFound, StorageFull
from neuronscope.core.events import Done, Entry, Start, Step, Token
from neuronscope.traces import writer as writing
from neuronscope.traces.store import Trace
from neuronscope.traces.writer import FORMAT_VERSION, TraceWriter

TOKENS = (Token(1, "a"), Token(2, "☃"), Token(0, "<s>", special=True))
VALUES = np.arange(12, dtype=np.float32).reshape(3, 4)
STATS = {"mean": 5.5}


def _start(trace_id: str = "t_00000000000000000000000000") -> Start:
    return Start(trace_id, "m", None, "key", {"layer_count": 2}, TOKENS, ("mlp_act.1", "ln_f"))


def _step(number: int = 0) -> Step:
    entries = (Entry("mlp_act.1", (3, 4), STATS, {"kind": "full"}),)
    return Step("prefill", number, 0, 3, TOKENS, entries, top=({"id": 1, "text": "a", "logprob": -0.5},))


def _write(path: Path) -> Path:
    with TraceWriter(path, _start(), prompt="a☃") as writer:
        writer.write(_step(), {"mlp_act.1": VALUES})
        writer.finish(Done("length"))
    return path


def test_what_is_written_is_read(tmp_path: Path) -> None:
    with Trace.open(_write(tmp_path / "a.trace")) as trace:
        assert np.array_equal(trace["mlp_act.1"], VALUES)
        assert trace.tokens == TOKENS
        assert trace.step(0) == _step()
        assert [event["type"] for event in trace.events()] == ["start", "step", "done"]
        assert trace.closed
        assert (trace.step_count, trace.layers, trace.prompt) == (1, [1], "a☃")


def test_a_closed_trace_is_one_file(tmp_path: Path) -> None:
    path = _write(tmp_path / "a.trace")
    assert [p.name for p in tmp_path.iterdir()] == [path.name]
    db = sqlite3.connect(path)
    assert db.execute("PRAGMA application_id").fetchone() == (0x4E535452,)
    assert db.execute("PRAGMA user_version").fetchone() == (FORMAT_VERSION,)


def test_steps_read_while_the_writer_still_writes(tmp_path: Path) -> None:
    path = tmp_path / "a.trace"
    with TraceWriter(path, _start(), prompt="") as writer:
        writer.write(_step(0), {"mlp_act.1": VALUES})
        with Trace.open(path) as trace:
            assert trace.step_count == 1
            assert not trace.closed
            assert [event["type"] for event in trace.events()] == ["start", "step", "done"]


def test_what_was_not_kept_is_said_so(tmp_path: Path) -> None:
    with Trace.open(_write(tmp_path / "a.trace")) as trace:
        with pytest.raises(NotCaptured, match="resid_post"):
            _ = trace["resid_post.0"]
        with pytest.raises(NotFound, match="step 7"):
            trace.step(7)


def test_pandas_names_rows_by_token(tmp_path: Path) -> None:
    with Trace.open(_write(tmp_path / "a.trace")) as trace:
        table = trace.to_pandas("mlp_act.1")
    assert list(table.index) == ["a", "☃", "<s>"]
    assert np.array_equal(table.to_numpy(), VALUES)


def test_a_newer_format_is_refused_with_its_version(tmp_path: Path) -> None:
    path = _write(tmp_path / "a.trace")
    db = sqlite3.connect(path)
    db.execute("PRAGMA user_version=99")
    db.close()
    with pytest.raises(Damaged, match="version 99"):
        Trace.open(path)


@pytest.mark.parametrize("content", [b"", b"not a database at all, but long enough to look at" * 20])
def test_other_files_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.trace"
    path.write_bytes(content)
    with pytest.raises(Damaged):
        Trace.open(path)


def test_a_damaged_step_is_named_not_guessed(tmp_path: Path) -> None:
    path = _write(tmp_path / "a.trace")
    db = sqlite3.connect(path)
    db.execute("UPDATE steps SET chunk=x'00112233'")
    db.execute("UPDATE tensors SET data=x'00112233'")
    db.commit()
    db.close()
    with Trace.open(path) as trace:
        with pytest.raises(Damaged):
            trace.step(0)
        with pytest.raises(Damaged):
            _ = trace["mlp_act.1"]


def test_a_full_disk_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.trace"
    with pytest.raises(StorageFull):
        _write_too_much(path)
    assert list(tmp_path.iterdir()) == []

    monkeypatch.setattr(writing.sqlite3, "connect", _refuse)
    with pytest.raises(StorageFull):
        TraceWriter(path, _start(), prompt="")


def _write_too_much(path: Path) -> None:
    with TraceWriter(path, _start(), prompt="") as writer:
        # SQLite's own limit on pages is how a full disk looks from inside.
        writer._db.execute("PRAGMA max_page_count=20")
        writer.write(_step(), {"mlp_act.1": np.zeros((500, 500), np.float32)})


def _refuse(*_: object, **__: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_what_a_step_kept_comes_as_arrays(tmp_path: Path) -> None:
    from neuronscope.capture.generate import Generation
    from neuronscope.runtime.run import Run
    from support.runs import request, tiny

    paths = []
    for config in ({"topk": 5, "quantization": "f32"}, {"capture_mode": "full", "quantization": "f32"}):
        run = Run(Generation(tiny("llama"), request(3), config), tmp_path)
        list(run)
        paths.append(run.path)
    assert paths[0] is not None
    assert paths[1] is not None
    with Trace.open(paths[0]) as few, Trace.open(paths[1]) as whole:
        kept, full = few.values(2, "mlp_act.1"), whole.values(2, "mlp_act.1")["values"][0]
        order = np.argsort(-np.abs(full), kind="stable")[:5]
        assert kept["indices"][0].tolist() == order.tolist()
        np.testing.assert_array_equal(kept["values"][0], full[order])
        with pytest.raises(NotCaptured, match="Step 0 kept statistics only"):
            few.values(0, "mlp_act.1")
        with pytest.raises(NotCaptured, match=r"kept nothing of ln1\.0"):
            few.values(2, "ln1.0")
    with Trace.open(_write(tmp_path / "t_capture.trace")) as trace:
        np.testing.assert_array_equal(trace.values(0, "mlp_act.1")["values"], VALUES)
