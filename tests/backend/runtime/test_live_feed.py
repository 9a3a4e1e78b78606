"""What a watcher is given: every event of a run, in order, from memory or out of the file."""

from __future__ import annotations

from pathlib import Path

import msgpack
import pytest

from neuronscope.core.errors import NotFound
from neuronscope.core.events import Done, Entry, Event, Queued, Receipt, Start, Step, Token
from neuronscope.runtime.live_feed import Feed, Recorded
from neuronscope.traces.recorder import Recorder
from neuronscope.traces.wire import Frame, pack_event
from support.live import drain

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
