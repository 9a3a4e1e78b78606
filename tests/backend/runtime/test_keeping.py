from __future__ import annotations

import json
import logging
import sqlite3
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

import pytest

import neuronscope as ns
from neuronscope.core.errors import BadRequest, Conflict, NotFound
from neuronscope.core.events import Step
from neuronscope.runtime.keeping import Keeping, disk_bytes
from neuronscope.runtime.locks import locked
from neuronscope.runtime.scope import Scope
from neuronscope.runtime.workspace import Workspace
from neuronscope.traces.in_use import is_read, is_written
from neuronscope.traces.store import Trace

NOBODY = "t_" + "0" * 26


@pytest.fixture
def scope(tiny_models: Path, tmp_path: Path) -> Scope:
    return ns.load(tiny_models / "one", workspace=Workspace(tmp_path / "space"))


def make(scope: Scope, count: int) -> list[str]:
    """So many traces, oldest first."""
    found = []
    for number in range(count):
        with scope.capture(f"Text {number}") as trace:
            found.append(trace.trace_id)
    return found


def left(scope: Scope) -> list[str]:
    return [kept.trace_id for kept in scope.traces]


def sizes(scope: Scope) -> dict[str, int]:
    return {path.stem: path.stat().st_size for path in scope.workspace.traces.glob("t_*.trace")}


def test_the_list_has_the_newest_first_with_sizes(scope: Scope) -> None:
    ids = make(scope, 3)
    found = list(scope.traces)
    assert [kept.trace_id for kept in found] == ids[::-1]
    assert {kept.trace_id: kept.bytes for kept in found} == sizes(scope)
    assert scope.traces.total_bytes == sum(sizes(scope).values())
    assert asdict(found[0]).items() >= {"text": "Text 2", "steps": 1, "closed": True, "pinned": False}.items()
    assert list(ns.open_traces(scope.workspace)) == found


def test_without_a_limit_nothing_ever_goes(scope: Scope) -> None:
    ids = make(scope, 3)
    assert scope.traces.limit_bytes is None
    assert scope.traces.tidy() == ()
    assert left(scope) == ids[::-1]
    assert not (scope.workspace.traces / "keeping.json").exists()


def test_beyond_the_limit_the_oldest_go_until_the_rest_fits(scope: Scope, caplog: pytest.LogCaptureFixture) -> None:
    ids = make(scope, 4)
    size = sizes(scope)
    scope.traces.set_limit(size[ids[2]] + size[ids[3]])
    assert scope.traces.over_limit() == ids[:2]
    assert left(scope) == ids[::-1], "setting a limit removes nothing"
    gone = scope.traces.tidy()
    assert [(one.trace_id, one.bytes) for one in gone] == [(i, size[i]) for i in ids[:2]]
    assert left(scope) == ids[:1:-1]
    assert all(f"{i} ({size[i]} bytes) was removed" in caplog.text for i in ids[:2])
    assert scope.traces.removed == gone[::-1]
    assert scope.traces.tidy() == ()
    assert scope.traces.removed == gone[::-1]


def test_a_capture_and_a_run_hold_the_limit_and_say_what_went(scope: Scope) -> None:
    first = make(scope, 1)
    scope.traces.set_limit(1)
    (second,) = make(scope, 1)
    assert left(scope) == [second]
    run = scope.generate("Hi", max_new_tokens=2)
    assert run.trace is not None
    assert left(scope) == [run.trace.trace_id]
    assert run.notes == ("1 older traces were removed to hold the limit.",)
    assert [one.trace_id for one in scope.traces.removed] == [second, *first]


def test_pinned_open_unended_and_newest_traces_stay(scope: Scope) -> None:
    ids = make(scope, 6)
    scope.traces.pin(ids[0])
    with sqlite3.connect(scope.workspace.trace_path(ids[1])) as database:
        database.execute("UPDATE meta SET value='false' WHERE key='closed'")
    database.close()
    scope.workspace.trace_path(ids[2]).write_bytes(b"no trace")
    scope.traces.set_limit(1)
    with Trace.open(scope.workspace.trace_path(ids[3])):
        gone = scope.traces.tidy()
    assert [one.trace_id for one in gone] == [ids[4]]
    assert set(sizes(scope)) == {*ids[:4], ids[5]}
    assert [kept.pinned for kept in scope.traces] == [False, False, False, True]
    scope.traces.pin(ids[0], False)
    assert [one.trace_id for one in scope.traces.tidy()] == [ids[0], ids[3]]


def test_a_trace_is_in_use_as_long_as_somebody_has_it_open(scope: Scope) -> None:
    (identity,) = make(scope, 1)
    path = scope.workspace.trace_path(identity)
    assert not is_read(path)
    first, second = Trace.open(path), Trace.open(path)
    first.close()
    assert is_read(path)
    assert not is_written(path)
    del second
    assert not is_read(path), "one that was forgotten without being closed does not hold it for ever"


def test_a_trace_that_is_recorded_is_not_deleted(scope: Scope) -> None:
    with scope.stream("Hi", max_new_tokens=5) as run:
        for event in run:
            if isinstance(event, Step) and event.step == 1:
                with pytest.raises(Conflict, match="being recorded"):
                    scope.traces.delete(run.trace_id)
    assert [kept.closed for kept in scope.traces] == [True]
    scope.traces.delete(run.trace_id)
    assert left(scope) == []


RECORDING = """
import sys
from pathlib import Path
from neuronscope.core.events import Start
from neuronscope.traces.writer import TraceWriter
path = Path(sys.argv[1])
writer = TraceWriter(path, Start(path.stem, "m", None, "k", {"layer_count": 1}, (), ()), prompt="")
print("open", flush=True)
sys.stdin.read()
"""


def test_one_that_another_process_records_is_not_deleted_and_one_that_broke_off_is(scope: Scope) -> None:
    identity = "t_" + "1" * 26
    path = scope.workspace.trace_path(identity)
    with subprocess.Popen(
        [sys.executable, "-c", RECORDING, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "open\n"
        with pytest.raises(Conflict, match="being recorded"):
            scope.traces.delete(identity)
        assert [kept.closed for kept in scope.traces] == [False]
        writer.kill()
    assert path.exists()
    scope.traces.delete(identity)
    assert not list(path.parent.glob(f"{identity}*"))


def test_a_reader_goes_on_with_a_trace_that_is_deleted(scope: Scope) -> None:
    (identity,) = make(scope, 1)
    with (
        scope.traces.folder.joinpath(f"{identity}.trace").open("rb"),
        ns.open_trace(scope.workspace.trace_path(identity)) as trace,
    ):
        events = trace.events()
        next(events)
        scope.traces.delete(identity)
        assert [event["type"] for event in events] == ["step", "done"]


def test_pins_go_with_their_traces(scope: Scope) -> None:
    (identity,) = make(scope, 1)
    assert scope.traces.pin(identity).pinned
    assert scope.traces.pin(identity).pinned
    assert scope.traces.pinned == {identity}
    scope.traces.delete(identity)
    assert scope.traces.pinned == frozenset()
    for action in (scope.traces.delete, scope.traces.pin, scope.traces.get):
        for unknown in (identity, NOBODY, "../../server", "x"):
            with pytest.raises(NotFound):
                action(unknown)


@pytest.mark.parametrize("limit", [0, -1, 1.5, True, "2GB", 1 << 61])
def test_what_is_no_limit_is_refused(scope: Scope, limit: object) -> None:
    scope.traces.set_limit(7)
    with pytest.raises(BadRequest):
        scope.traces.set_limit(limit)  # type: ignore[arg-type]
    assert scope.traces.limit_bytes == 7
    scope.traces.set_limit(None)
    assert scope.traces.limit_bytes is None


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"limit_bytes": "1", "pinned": [], "removed": []}'])
def test_damaged_settings_remove_nothing_and_the_log_says_so(
    scope: Scope, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    ids = make(scope, 2)
    (scope.workspace.traces / "keeping.json").write_text(text, encoding="utf-8")
    assert scope.traces.tidy() == ()
    assert left(scope) == ids[::-1]
    assert "no limit is held" in caplog.text


def test_a_limit_that_can_not_be_held_does_not_fail_the_run(
    scope: Scope, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    make(scope, 1)
    scope.traces.set_limit(1)

    def refuse(_path: Path) -> None:
        raise PermissionError("no")

    monkeypatch.setattr("neuronscope.runtime.keeping.remove", refuse)
    with caplog.at_level(logging.WARNING):
        scope.capture("Hi").close()
    assert len(left(scope)) == 2
    assert scope.traces.removed == ()
    assert "could not be removed" in caplog.text


def test_pins_of_many_threads_are_all_kept(scope: Scope) -> None:
    ids = make(scope, 8)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda i: Keeping(scope.workspace.traces).pin(i), ids))
    assert scope.traces.pinned == set(ids)


def test_a_lock_is_waited_for(tmp_path: Path) -> None:
    seen: list[str] = []

    def second() -> None:
        with locked(tmp_path / "lock"):
            seen.append("second")

    with locked(tmp_path / "lock"):
        thread = threading.Thread(target=second)
        thread.start()
        thread.join(0.2)
        seen.append("first")
    thread.join(10)
    assert seen == ["first", "second"]


def test_traces_of_elsewhere_are_taken_in(scope: Scope, tmp_path: Path) -> None:
    (identity,) = make(scope, 1)
    away = tmp_path / "away.trace"
    away.write_bytes(scope.workspace.trace_path(identity).read_bytes())
    with pytest.raises(Conflict, match="here already"):
        scope.traces.take_in(away)
    other = ns.open_traces(Workspace(tmp_path / "other"))
    assert other.take_in(away) == scope.traces.get(identity)
    assert away.exists()
    other.delete(identity)
    assert other.take_in(away, own=True).trace_id == identity
    assert not away.exists()


def test_bytes_are_counted_with_what_lies_beside(scope: Scope) -> None:
    (identity,) = make(scope, 1)
    path = scope.workspace.trace_path(identity)
    alone = path.stat().st_size
    Path(f"{path}-wal").write_bytes(b"x" * 100)
    assert disk_bytes(path) == alone + 100
    assert json.loads(json.dumps(asdict(scope.traces.get(identity))))["trace_id"] == identity
    assert disk_bytes(path.with_name("gone.trace")) == 0
