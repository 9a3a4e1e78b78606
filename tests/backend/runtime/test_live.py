"""Live runs without a server: begun, stopped, deserted, remembered, and what is left when they have ended."""

from __future__ import annotations

import gc
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgpack
import pytest

from neuronscope.core.errors import BadAddress, Conflict, NeuronScopeError, NotFound
from neuronscope.core.events import Done, Failed, Token
from neuronscope.core.generation import GenerateRequest
from neuronscope.models.loading.sources import Sources
from neuronscope.runtime import live, live_run
from neuronscope.runtime.engine import Engine
from neuronscope.runtime.live import LiveRuns
from neuronscope.runtime.live_run import LiveRun
from neuronscope.runtime.workspace import Workspace
from neuronscope.traces.store import Trace
from neuronscope.traces.wire import pack_event, step_frame
from support.live import drain, save_long, threads_named


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    parent = tmp_path_factory.mktemp("models")
    save_long(parent / "long", seed=1)
    save_long(parent / "other", seed=2)
    return parent


@pytest.fixture
def runs(folder: Path, tmp_path: Path) -> Iterator[LiveRuns]:
    engine = Engine(Sources((folder,)))
    made = LiveRuns(engine, Workspace(tmp_path / "home"), lambda model_id: model_id or "local/long")
    yield made
    made.close()
    engine.close()
    assert threads_named("live-", "recorder-") == []


def asked(tokens: int = 8000, **options: Any) -> GenerateRequest:
    return GenerateRequest(**{"prompt": "Hi, cat 42!", "max_new_tokens": tokens, **options})


def change(unit: str, identity: str = "i1") -> dict[str, Any]:
    return {"id": identity, "units": [unit], "op": "set", "value": 3}


def until_step(run: LiveRun, number: int) -> None:
    end = time.monotonic() + 30
    while run.steps <= number and run.state != "ended" and time.monotonic() < end:
        time.sleep(0.005)
    assert run.steps > number


@contextmanager
def busy(runs: LiveRuns) -> Iterator[None]:
    """Other work on ``local/long``, such as a shard of an index: a run waits behind it."""
    held, go_on = threading.Event(), threading.Event()
    thread = threading.Thread(target=runs._engine.run, args=("local/long", lambda _: (held.set(), go_on.wait(20))))
    thread.start()
    try:
        assert held.wait(30)
        yield
    finally:
        go_on.set()
        thread.join()


def test_a_run_goes_from_queued_to_ended_and_its_trace_holds_it(runs: LiveRuns) -> None:
    begun: list[LiveRun] = []
    runs.on_begin.append(begun.append)
    run = runs.begin(None, asked(5))
    assert begun == [run]
    assert run.finished.wait(30)
    assert (run.state, run.end, run.steps) == ("ended", Done("length"), 5)
    with Trace.open(run.feed.path) as trace:
        watcher = run.watch(0, lambda: None)
        assert drain(watcher)[1:6] == [step_frame(trace, n) for n in range(5)]


def test_what_the_blocks_give_is_handed_to_who_asked_for_it_at_the_begin(runs: LiveRuns) -> None:
    taken: list[tuple[int, set[int]]] = []

    class Rows:
        wanted = True

        def take(self, step: int, token: Token, values: Any) -> None:
            taken.append((step, set(values)))

    def join(run: LiveRun) -> None:
        run.rows = Rows()

    runs.on_begin.append(join)
    assert runs.begin(None, asked(3)).finished.wait(30)
    assert taken == [(number, {0, 1}) for number in range(3)]


def test_closing_in_mid_run_leaves_readable_traces_and_nothing_else(runs: LiveRuns, folder: Path) -> None:
    first = runs.begin("local/long", asked())
    until_step(first, 5)
    second = runs.begin("local/other", asked())
    until_step(first, first.steps + 5)
    assert (first.state, second.state, second.position) == ("running", "queued", 1)
    runs.close()
    assert (first.end, second.end) == (Done("stopped"), Done("stopped"))
    with Trace.open(first.feed.path) as trace:
        assert trace.closed
        assert [trace.step(n).step for n in range(trace.step_count)] == [*range(first.steps)]
    assert [path.name for path in first.feed.path.parent.iterdir()] == [first.feed.path.name]
    with pytest.raises(Conflict, match="shutting down"):
        runs.begin(None, asked())


def test_a_stop_reaches_a_run_that_waits_behind_other_work_on_its_model(runs: LiveRuns) -> None:
    with busy(runs):
        run = runs.begin("local/long", asked())
        time.sleep(0.1)
        assert (run.state, run.position) == ("queued", 0)
        runs.stop(run.trace_id)
        assert run.finished.wait(5)
        assert run.end == Done("stopped")
        assert not run.feed.path.exists()


def test_an_attended_run_ends_when_nobody_has_watched_it_for_a_while(
    runs: LiveRuns, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_run, "GRACE", 0.4)
    run, other = runs.begin(None, asked(), attended=True), runs.begin("local/other", asked(200), attended=False)
    watchers = [run.watch(0, lambda: None), run.watch(0, lambda: None)]
    until_step(run, 0)
    time.sleep(0.6)
    watchers[0].close()
    time.sleep(0.6)
    assert run.state == "running"
    watchers[1].close()
    back = run.watch(0, lambda: None)  # a reload comes back in time
    time.sleep(0.6)
    assert run.state == "running"
    back.close()
    assert run.finished.wait(10)
    assert run.end == Done("stopped")
    with Trace.open(run.feed.path) as trace:
        assert trace.step_count == run.steps
    assert other.finished.wait(30)
    assert other.end == Done("length")


def test_so_many_may_wait_and_no_more(runs: LiveRuns, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "WAITING", 3)
    begun = [runs.begin(None, asked()) for _ in range(3)]
    with pytest.raises(Conflict, match="3 runs are waiting"):
        runs.begin(None, asked())
    assert [run.trace_id for run in runs.active()] == [run.trace_id for run in begun]


def test_ended_runs_are_forgotten_but_for_the_latest(runs: LiveRuns, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "REMEMBERED", 4)
    begun = []
    for _ in range(6):
        begun.append(runs.begin(None, asked(2)))
        assert begun[-1].finished.wait(30)
    runs.begin(None, asked(1)).finished.wait(30)
    with pytest.raises(NotFound):
        runs.get(begun[0].trace_id)
    # The frames of older ones are in the file only; who watches gets the same.
    kept = runs.get(begun[3].trace_id)
    assert [msgpack.unpackb(data)["type"] for data in drain(kept.watch(0, lambda: None))] == [
        "start",
        "step",
        "step",
        "done",
    ]
    assert not kept.feed._latest


def test_a_model_that_was_used_is_not_held_by_runs_that_have_ended(runs: LiveRuns) -> None:
    run = runs.begin(None, asked(3))
    assert run.finished.wait(30)
    model = weakref.ref(runs._engine.loaded()["local/long"].model)
    runs._engine.unload("local/long")
    gc.collect()
    assert model() is None
    assert runs.get(run.trace_id) is run


def test_a_refusal_by_a_model_that_was_not_loaded_is_the_end(runs: LiveRuns) -> None:
    run = runs.begin(None, asked(3, prompt="a" * 9000))
    assert run.finished.wait(30)
    assert isinstance(run.end, Failed)
    assert run.end.code == "too_large"
    assert not run.feed.path.exists()
    assert drain(run.watch(0, lambda: None)) == [pack_event(run.end)]


@pytest.mark.parametrize(
    ("request_of", "options", "sentence"),
    [
        (asked(3, prompt="a" * 9000), {}, "9001 tokens; local/long reads at most 8192"),
        (asked(3), {"config": {"points": ["mlp_act.99"]}}, "Layer 99 is out of range: this model has 2 layers"),
        (asked(3), {"interventions": [change("mlp_act.99:0")]}, "Layer 99 is out of range: this model has 2 layers"),
        (asked(3), {"interventions": [change("mlp_act.1:48")]}, "mlp_act.1 has 48 units, 0 to 47"),
        (asked(3, stop=(97,)), {}, "97 is no token: the vocabulary has 97"),
    ],
)
def test_a_model_that_is_loaded_refuses_at_once(
    runs: LiveRuns, request_of: GenerateRequest, options: dict[str, Any], sentence: str
) -> None:
    runs._engine.load("local/long")
    with pytest.raises(NeuronScopeError, match=sentence):
        runs.begin(None, request_of, **options)
    assert runs.recent() == []


def test_what_is_changed_before_a_run_begins_is_in_force_from_its_first_pass(runs: LiveRuns) -> None:
    first, second, third = (change(f"mlp_act.1:{unit}", str(unit)) for unit in (1, 2, 3))
    with busy(runs):
        run = runs.begin(None, asked(4), interventions=[first])
        runs.intervene(run.trace_id, [second], replace=False)
        other = runs.begin(None, asked(4), interventions=[first])
        runs.intervene(other.trace_id, [second])
        runs.intervene(other.trace_id, [third], replace=False)
        with pytest.raises(BadAddress, match="0 to 47"):
            runs.intervene(other.trace_id, [change("mlp_act.1:48")])
        assert (run.state, other.state) == ("queued", "queued")
    given = runs.begin(None, asked(4), interventions=[first, second])
    for one in (run, other, given):
        assert one.finished.wait(30)
    assert [in_force(one) for one in (run, other, given)] == [["1", "2"], ["2", "3"], ["1", "2"]]
    with Trace.open(run.feed.path) as trace, Trace.open(given.feed.path) as expected:
        assert [trace.receipt(n) for n in range(4)] == [expected.receipt(n) for n in range(4)]
        assert [trace.step(n) for n in range(4)] == [expected.step(n) for n in range(4)]


def test_a_change_that_the_model_refuses_later_ends_the_run(runs: LiveRuns) -> None:
    run = runs.begin("local/other", asked(4))  # its model is being loaded, and can't be asked
    run.intervene([change("mlp_act.99:0")])
    assert run.finished.wait(30)
    assert isinstance(run.end, Failed)
    assert run.end.code == "bad_address"
    assert not run.feed.path.exists()
    with pytest.raises(Conflict, match="has ended"):
        run.intervene([change("mlp_act.1:0")])


def in_force(run: LiveRun) -> list[str]:
    """Ids of what was in force in each of a run's steps, where it was the same in all."""
    with Trace.open(run.feed.path) as trace:
        found = [[one["id"] for one in receipt.interventions] for n in range(4) if (receipt := trace.receipt(n))]
    assert len(found) == 4
    assert all(one == found[0] for one in found)
    return found[0]
