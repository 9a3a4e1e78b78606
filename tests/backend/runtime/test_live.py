"""Live runs without a server: what a watcher is given, whose turn it is, and what is left when a run has ended."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgpack
import pytest

from neuronscope.core.errors import Conflict, NotFound
from neuronscope.core.events import Done, Entry, Event, Failed, Queued, Receipt, Start, Step, Token
from neuronscope.core.generation import GenerateRequest
from neuronscope.models.loading.sources import Sources
from neuronscope.runtime import live, live_run
from neuronscope.runtime.engine import Engine
from neuronscope.runtime.live import LiveRuns
from neuronscope.runtime.live_feed import Feed, Recorded, Watcher
from neuronscope.runtime.live_line import Line
from neuronscope.runtime.live_run import LiveRun
from neuronscope.runtime.workspace import Workspace
from neuronscope.traces.recorder import Recorder
from neuronscope.traces.store import Trace
from neuronscope.traces.wire import Frame, pack_event, step_frame
from support.live import save_long, threads_named

TRACE = "t_" + "0" * 26
START = Start(TRACE, "m", None, "key", {"layer_count": 1}, (Token(1, "a"),), ("resid_post.0",))


def a_step(number: int, size: int = 100) -> Step:
    payload = {"kind": "full", "dtype": "f32", "values": bytes(size)}
    stats = dict.fromkeys(("mean", "std", "min", "max", "l2", "sparsity", "p99"), float(number))
    entry = Entry("logits", (1, size // 4), stats, {**payload, "kind": "topk_logits"})
    return Step("decode" if number else "prefill", number, number, 1, (Token(1, "a"),), (entry,), 2, "b", -0.5)


def events(count: int, size: int = 100, receipts: bool = True) -> list[Event]:
    """A run of so many steps, with a receipt after every third."""
    found: list[Event] = [START]
    for number in range(count):
        found.append(a_step(number, size))
        if receipts and number % 3 == 0:
            found.append(Receipt(number, ({"id": "i1", "fired": True},)))
    return [*found, Done("length")]


def play(feed: Feed, path: Path, run: list[Event]) -> None:
    """Record a run into a feed as it is done live, but for its end."""
    recorder = Recorder(path, START, "a", publish=feed.publish)
    for event in run[1:]:
        recorder.put(event)
    recorder.close()


def drain(watcher: Watcher | Recorded) -> list[bytes]:
    """All frames that there are now."""
    found: list[bytes] = []
    while not watcher.ended:
        frame = watcher.take()
        if frame is not None:
            found.append(frame.data)
        elif watcher.behind:
            found += [stored.data for stored in watcher.fetch()]
        else:
            break
    return found


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / f"{TRACE}.trace"


@pytest.mark.parametrize(("count", "frames"), [(3, 256), (40, 8), (40, 1), (300, 16), (600, 256)])
def test_a_watcher_gets_every_event_in_order_however_far_behind_it_is(path: Path, count: int, frames: int) -> None:
    feed, run = Feed(TRACE, path, frames), events(count)
    early, never = feed.watch(0, lambda: None), feed.watch(0, lambda: None)
    first: list[bytes] = []
    recorder = Recorder(path, START, "a", publish=lambda frame: (feed.publish(frame), first.extend(drain(early))))
    for event in run[1:]:
        recorder.put(event)
    recorder.close()
    expected = [pack_event(event) for event in run]
    assert first == expected
    for watcher in (never, feed.watch(0, lambda: None), Recorded(path, 0)):
        assert drain(watcher) == expected
        assert watcher.ended
    for at in (1, count - 1, count):
        rest = [expected[0], *(pack_event(event) for event in run[1:] if getattr(event, "step", at) >= at)]
        for watcher in (feed.watch(at, lambda: None), Recorded(path, at)):
            assert drain(watcher) == rest


def test_what_stays_in_memory_is_bounded_by_frames_and_by_bytes(path: Path) -> None:
    feed = Feed(TRACE, path, frames=50, most_bytes=100_000)
    held: list[tuple[int, int]] = []
    late = feed.watch(0, lambda: None)

    def publish(frame: Frame) -> None:
        feed.publish(frame)
        held.append((len(feed._latest), sum(len(one.data) for _, one in feed._latest)))

    recorder = Recorder(path, START, "a", publish=publish)
    run = [START, *(a_step(n, 100 if n < 100 else 20_000) for n in range(120)), a_step(120, 400_000), Done("eos")]
    for event in run[1:]:
        recorder.put(event)
    recorder.close()
    assert max(frames for frames, _ in held) == 50
    assert max(size for _, size in held) <= 50_000  # counted twice: the event lies beside its bytes
    assert drain(late) == [pack_event(event) for event in run]


def test_a_very_large_frame_is_left_to_the_file(path: Path) -> None:
    feed, held = Feed(TRACE, path), []
    recorder = Recorder(path, START, "a", publish=lambda frame: (feed.publish(frame), held.append(len(feed._latest))))
    run = [START, a_step(0), a_step(1), a_step(2, 3 << 20), a_step(3), Done("eos")]
    for event in run[1:]:
        recorder.put(event)
    recorder.close()
    assert held == [0, 1, 2, 0, 1, 1]
    assert drain(feed.watch(0, lambda: None)) == [pack_event(event) for event in run]


def test_reading_on_in_the_file_takes_a_bounded_part_at_a_time(path: Path) -> None:
    run = [START, *(a_step(n, 300_000) for n in range(20)), Done("eos")]
    feed = Feed(TRACE, path, frames=1)
    play(feed, path, run)
    watcher = Recorded(path, 0)
    parts = []
    while not watcher.ended:
        parts.append([len(stored.data) for stored in watcher.fetch()])
    assert max(len(part) for part in parts) == 4  # the fourth goes over a mebibyte
    assert sum(len(part) for part in parts) == len(run)


def test_a_light_frame_of_the_file_is_the_live_one(path: Path) -> None:
    play(Feed(TRACE, path), path, events(3))
    recorded = Recorded(path, 0)
    stored = [*recorded.fetch(), *recorded.fetch()]
    lights = [frame.light() for frame in stored if frame.step is not None]
    assert lights == [Frame(a_step(number)).light() for number in range(3)]
    assert msgpack.unpackb(lights[0])["dropped"]["policy"] == "no_credit"


def test_steps_that_are_nowhere_are_told_as_a_gap(path: Path) -> None:
    feed = Feed(TRACE, path, frames=4)
    run = events(20, receipts=False)
    recorder = Recorder(path, START, "a", publish=feed.publish)
    watcher = feed.watch(0, lambda: None)
    for event in run[1:6]:
        recorder.put(event)
    stop = a_step(5)
    recorder.put(
        Step(**{**{name: getattr(stop, name) for name in stop.__slots__}, "dropped": {"policy": "stop_trace"}})
    )
    for event in run[7:]:
        recorder.put(event)
    recorder.close()
    found = [msgpack.unpackb(data) for data in drain(watcher)]
    assert [event.get("step") for event in found[:6]] == [None, 0, 1, 2, 3, 4]
    gap = found[6]
    assert (gap["type"], gap["trace_id"], gap["from_step"], gap["to_step"]) == ("gap", TRACE, 5, 15)
    assert [event.get("step") for event in found[7:]] == [16, 17, 18, 19, None]


def test_a_trace_deleted_under_a_watcher_is_a_gap_and_the_rest_goes_on(path: Path) -> None:
    feed = Feed(TRACE, path, frames=4)
    watcher = feed.watch(0, lambda: None)
    play(feed, path, events(20, receipts=False))
    path.unlink()
    found = [msgpack.unpackb(data) for data in drain(watcher)]
    assert [event["type"] for event in found] == ["start", "gap", *["step"] * 4, "done"]
    with pytest.raises(NotFound):
        Recorded(path, 0)


def test_places_in_the_line_are_told_until_the_start(path: Path) -> None:
    feed = Feed(TRACE, path)
    watcher = feed.watch(0, lambda: None)
    assert drain(watcher) == []
    for place in (2, 1):
        feed.publish(Frame(Queued(TRACE, place)))
        assert [msgpack.unpackb(data)["position"] for data in drain(watcher)] == [place]
    feed.publish(Frame(Queued(TRACE, 0)))
    feed.publish(Frame(START))
    kinds = [[msgpack.unpackb(d)["type"] for d in drain(w)] for w in (watcher, feed.watch(0, lambda: None, place=True))]
    assert kinds == [["start"], ["queued", "start"]]


def test_a_step_too_far_ahead_is_refused(path: Path) -> None:
    feed = Feed(TRACE, path)
    play(feed, path, events(3))
    for first in (-1, 4):
        with pytest.raises(NotFound, match="has no step"):
            feed.watch(first, lambda: None)
        with pytest.raises(NotFound, match="has no step"):
            Recorded(path, first)


def test_the_line_keeps_the_order_lets_the_ready_pass_and_tells_places() -> None:
    line, told, order = Line(), [[], [], [], []], []
    go_on = [threading.Event() for _ in range(4)]
    places = [line.join("cpu", told[n].append) for n in range(3)]
    assert told == [[0], [1], [2], []]

    def turn(number: int, place: Any, device: str) -> None:
        line.wait(place, device, lambda: None)
        order.append(number)
        go_on[number].wait(10)
        line.leave(place)

    def start(number: int, place: Any, device: str = "cpu") -> threading.Thread:
        thread = threading.Thread(target=turn, args=(number, place, device))
        thread.start()
        return thread

    def until(true: Callable[[], bool]) -> None:
        end = time.monotonic() + 10
        while not true() and time.monotonic() < end:
            time.sleep(0.005)
        assert true()

    # The first one's model is still being loaded: the second passes, and the first is told of it.
    threads = [start(1, places[1])]
    until(lambda: order == [1])
    assert told == [[0, 1], [1, 0], [2], []]
    threads.append(start(2, places[2]))
    threads.append(start(0, places[0]))
    # One on another device has nobody before it.
    threads.append(start(3, line.join("cpu", told[3].append), "cuda:0"))
    until(lambda: 3 in order)
    assert told[3] == [3, 0]
    time.sleep(0.05)
    assert order == [1, 3]
    go_on[1].set()
    until(lambda: len(order) == 3)
    assert order[-1] == 0  # it stood before the third
    go_on[0].set()
    until(lambda: len(order) == 4)
    for event in go_on:
        event.set()
    for thread in threads:
        thread.join(10)
    assert line._lines == {}


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


def until_step(run: LiveRun, number: int) -> None:
    end = time.monotonic() + 30
    while run.steps <= number and run.state != "ended" and time.monotonic() < end:
        time.sleep(0.005)
    assert run.steps > number


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
    held, go_on = threading.Event(), threading.Event()
    thread = threading.Thread(
        target=runs._engine.run, args=("local/long", lambda _: (held.set(), go_on.wait(20)))
    )  # such as a shard of an index
    thread.start()
    try:
        assert held.wait(30)
        run = runs.begin("local/long", asked())
        time.sleep(0.1)
        assert (run.state, run.position) == ("queued", 0)
        runs.stop(run.trace_id)
        assert run.finished.wait(5)
        assert run.end == Done("stopped")
        assert not run.feed.path.exists()
    finally:
        go_on.set()
        thread.join()


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
    import gc
    import weakref

    run = runs.begin(None, asked(3))
    assert run.finished.wait(30)
    model = weakref.ref(runs._engine.loaded()["local/long"].model)
    runs._engine.unload("local/long")
    gc.collect()
    assert model() is None
    assert runs.get(run.trace_id) is run


def test_a_refusal_by_the_model_is_the_end(runs: LiveRuns) -> None:
    run = runs.begin(None, asked(3, prompt="a" * 9000))
    assert run.finished.wait(30)
    assert isinstance(run.end, Failed)
    assert run.end.code == "too_large"
    assert not run.feed.path.exists()
    assert drain(run.watch(0, lambda: None)) == [pack_event(run.end)]
