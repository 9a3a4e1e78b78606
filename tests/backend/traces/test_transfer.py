from __future__ import annotations

import io
import json
import sqlite3
from collections.abc import Callable
from pathlib import Path

import msgpack
import numpy as np
import pytest
import zstandard

from neuronscope.capture.generate import Generation
from neuronscope.core.errors import Conflict, Damaged, NotFound
from neuronscope.runtime.run import Run
from neuronscope.traces.arrival import import_trace
from neuronscope.traces.payloads import decode
from neuronscope.traces.store import Trace
from neuronscope.traces.transfer import export_trace, write_npz
from support.runs import request, tiny

CHANGE = {"units": ["mlp_act.1:3"], "op": "scale", "value": 0.5}


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with whole tensors, attention and receipts."""
    config = {"capture_mode": "full", "quantization": "f16", "points": ("mlp_act", "attn_weights")}
    run = Run(Generation(tiny("llama"), request(4), config, [CHANGE]), tmp_path_factory.mktemp("traces"))
    list(run)
    assert run.path is not None
    return run.path


@pytest.fixture(scope="module")
def light(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run as it is by default."""
    run = Run(Generation(tiny("llama"), request(4)), tmp_path_factory.mktemp("traces"))
    list(run)
    assert run.path is not None
    return run.path


def _events(path: Path) -> list[object]:
    with Trace.open(path) as trace:
        return [msgpack.unpackb(msgpack.packb(event)) for event in trace.events()]


def test_a_trace_goes_out_and_comes_in_unchanged(recorded: Path, tmp_path: Path) -> None:
    with Trace.open(recorded) as trace:
        export_trace(trace, tmp_path / "out.trace")
    arrived = import_trace(tmp_path / "out.trace", tmp_path / "here")
    assert arrived.name == recorded.name
    assert _events(arrived) == _events(recorded)
    assert [p.name for p in (tmp_path / "here").iterdir()] == [recorded.name]
    with pytest.raises(Conflict, match="already"):
        import_trace(tmp_path / "out.trace", tmp_path / "here")
    with Trace.open(recorded) as trace, pytest.raises(Conflict):
        export_trace(trace, tmp_path / "out.trace")


def test_arrays_are_the_tensors_and_payloads_of_the_trace(recorded: Path, light: Path) -> None:
    for path in (recorded, light):
        with Trace.open(path) as trace:
            file = io.BytesIO()
            write_npz(trace, file)
            file.seek(0)
            found = np.load(file, allow_pickle=False)
            assert found["token_ids"].tolist() == [t.id for t in trace.tokens]
            assert found["generated_ids"].tolist() == [trace.step(n).token_id for n in range(4)]
            if path is recorded:
                assert np.array_equal(found["mlp_act.1"], trace.tensor(0, "mlp_act.1"))
                assert np.array_equal(found["step_0002/mlp_act.1"], trace.tensor(2, "mlp_act.1"))
            else:
                assert found["step_0001/mlp_act.2/indices"].shape == (1, 48)
            assert found["step_0001/attn_weights.0/entropy"].shape == (4,)


def test_json_says_what_the_trace_says(recorded: Path, light: Path, tmp_path: Path) -> None:
    for path in (recorded, light):
        target = tmp_path / f"{path.stem}.json"
        with Trace.open(path) as trace:
            export_trace(trace, target, "json")
            found = json.loads(target.read_text("utf-8"))
            assert [step["token_id"] for step in found["steps"]] == [trace.step(n).token_id for n in range(4)]
            assert found["end"]["reason"] == "length"
            entry = next(e for e in found["steps"][1]["entries"] if e["address"] == "mlp_act.1")
            assert len(entry["payload"]["values"][0]) == 48
            if path is recorded:
                assert found["tensors"]["mlp_act.1"]["data"] == trace.tensor(0, "mlp_act.1").tolist()
                assert len(found["receipts"]) == 4


def test_tiles_go_out_and_come_in(tmp_path: Path) -> None:
    """As arrays, as JSON, and as a trace whose tiles read the same; cells that hold nothing are NaN and null."""
    config = {"capture_mode": "tile", "tile_size": (7, 7), "points": ("mlp_act", "resid_post")}
    run = Run(Generation(tiny("llama"), request(3), config), tmp_path)
    list(run)
    assert run.path is not None
    with Trace.open(run.path) as trace:
        export_trace(trace, tmp_path / "out.trace")
        export_trace(trace, tmp_path / "out.npz", "npz")
        export_trace(trace, tmp_path / "out.json", "json")
    arrived = import_trace(tmp_path / "out.trace", tmp_path / "here")
    assert _events(arrived) == _events(run.path)
    entry = next(e for e in Trace.open(arrived).step(1).entries if e.address == "mlp_act.1")
    image = decode(entry.payload or {}, entry.shape)["values"]
    assert (np.isfinite(image).sum(), image.shape) == (48, (7, 7))
    with np.load(tmp_path / "out.npz", allow_pickle=False) as found:
        assert np.array_equal(found["step_0001/mlp_act.1/values"], image, equal_nan=True)
        assert str(found["step_0001/mlp_act.1/source"]) == "order"
        assert found["step_0000/mlp_act.1/positions"].tolist() == [len(found["token_ids"]) - 1]
    (payload,) = (
        e["payload"] for e in json.loads((tmp_path / "out.json").read_text("utf-8"))["steps"][1]["entries"]
        if e["address"] == "mlp_act.1"
    )  # fmt: skip
    assert (payload["kind"], payload["source"], payload["run"], payload["filled"]) == ("tile", "order", 1, 48)
    assert payload["values"] == [[None if np.isnan(v) else v for v in row] for row in image.tolist()]


def test_a_run_in_progress_goes_out_as_far_as_it_is(tmp_path: Path) -> None:
    run = Run(Generation(tiny("llama"), request(30)), tmp_path)
    for event in run:
        if event.type == "step" and event.step == 5:  # type: ignore[union-attr]
            break
    assert run.path is not None
    with Trace.open(run.path) as trace:
        export_trace(trace, tmp_path / "out.trace")
    run.close()
    with Trace.open(import_trace(tmp_path / "out.trace", tmp_path / "here")) as trace:
        assert 0 < trace.step_count <= 6
        assert trace.end["reason"] == "stopped"


def _bomb(db: sqlite3.Connection) -> None:
    db.execute("UPDATE steps SET chunk=? WHERE step=2", (zstandard.compress(bytes(200 << 20)),))


def _endless(db: sqlite3.Connection) -> None:
    # A frame that does not say its size may unpack to anything.
    packer = zstandard.ZstdCompressor(write_content_size=False)
    db.execute("UPDATE steps SET chunk=? WHERE step=1", (packer.compress(msgpack.packb({"entries": []})),))


def _wrong_entries(db: sqlite3.Connection) -> None:
    body = {"entries": [{"address": "../x", "shape": [1], "stats": {}, "payload": None}], "inputs": [], "top": []}
    db.execute("UPDATE steps SET chunk=? WHERE step=1", (zstandard.compress(msgpack.packb(body)),))


def _other_id(db: sqlite3.Connection) -> None:
    start = json.loads(db.execute("SELECT value FROM meta WHERE key='start'").fetchone()[0])
    start["trace_id"] = "../../etc/passwd"
    db.execute("UPDATE meta SET value=? WHERE key='start'", (json.dumps(start),))


HOSTILE: dict[str, Callable[[sqlite3.Connection], object]] = {
    "a trigger": lambda db: db.execute("CREATE TRIGGER t AFTER INSERT ON steps BEGIN DELETE FROM meta; END"),
    "a view": lambda db: db.execute("CREATE VIEW v AS SELECT * FROM steps"),
    "another table": lambda db: db.execute("CREATE TABLE more(x)"),
    "an index over an expression": lambda db: db.execute("CREATE INDEX i ON steps(abs(step))"),
    "a table of another shape": lambda db: db.executescript("DROP TABLE tensors; CREATE TABLE tensors(step, data);"),
    "a step missing": lambda db: db.execute("DELETE FROM steps WHERE step=1"),
    "a chunk that unpacks to far too much": _bomb,
    "a chunk of unknown size": _endless,
    "a chunk cut short": lambda db: db.execute("UPDATE steps SET chunk=substr(chunk, 1, 40) WHERE step=1"),
    "a step of other entries": _wrong_entries,
    "a tensor missing": lambda db: db.execute("DELETE FROM tensors WHERE step=1 AND address='mlp_act.0'"),
    "a tensor that is none": lambda db: db.execute("UPDATE tensors SET data=x'00' WHERE step=1"),
    "a tensor of another shape": lambda db: db.execute(
        "UPDATE tensors SET data=(SELECT data FROM tensors WHERE step=0 AND address='mlp_act.0') "
        "WHERE step=1 AND address='mlp_act.0'"
    ),
    "a receipt that is none": lambda db: db.execute("UPDATE receipts SET chunk=x'0011223344556677' WHERE step=1"),
    "an id that is a path": _other_id,
    "no start": lambda db: db.execute("DELETE FROM meta WHERE key='start'"),
    "meta that is no JSON": lambda db: db.execute("UPDATE meta SET value='{' WHERE key='start'"),
    "a newer version": lambda db: db.execute("PRAGMA user_version=99"),
    "another application": lambda db: db.execute("PRAGMA application_id=1"),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_file_is_refused_and_leaves_nothing(recorded: Path, tmp_path: Path, what: str) -> None:
    hostile = tmp_path / "hostile.trace"
    hostile.write_bytes(recorded.read_bytes())
    db = sqlite3.connect(hostile)
    HOSTILE[what](db)
    db.commit()
    db.close()
    with pytest.raises(Damaged):
        import_trace(hostile, tmp_path / "here")
    assert list((tmp_path / "here").iterdir()) == []


@pytest.mark.parametrize("swell", [_bomb, _endless])
def test_what_would_swell_is_refused_before_it_is_unpacked(
    recorded: Path, tmp_path: Path, swell: Callable[[sqlite3.Connection], None]
) -> None:
    hostile = tmp_path / "hostile.trace"
    hostile.write_bytes(recorded.read_bytes())
    with sqlite3.connect(hostile) as db:
        swell(db)
    db.close()
    # Whoever unpacks it says "A step of this trace".
    with pytest.raises(Damaged, match=r"Step \d can't be read"):
        import_trace(hostile, tmp_path / "here")


@pytest.mark.parametrize("keep", [0.1, 0.5, 0.9])
def test_a_file_cut_short_is_refused(recorded: Path, tmp_path: Path, keep: float) -> None:
    data = recorded.read_bytes()
    (tmp_path / "cut.trace").write_bytes(data[: int(len(data) * keep)])
    with pytest.raises(Damaged):
        import_trace(tmp_path / "cut.trace", tmp_path / "here")
    assert list((tmp_path / "here").iterdir()) == []


def test_bytes_that_turned_over_are_found(recorded: Path, tmp_path: Path) -> None:
    """Whatever byte is turned over, the file is refused or still says the same; it never breaks the program."""
    data, random = recorded.read_bytes(), np.random.default_rng(1)
    for number in range(40):
        changed = bytearray(data)
        changed[int(random.integers(len(data)))] ^= 0xFF
        (tmp_path / "turned.trace").write_bytes(changed)
        try:
            import_trace(tmp_path / "turned.trace", tmp_path / str(number))
        except Damaged:
            assert list((tmp_path / str(number)).iterdir()) == []


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        import_trace(tmp_path / "none.trace", tmp_path)
