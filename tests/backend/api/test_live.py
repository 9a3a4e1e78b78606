"""Live runs over a real server and real sockets: whoever watches, however late or slowly, gets what the trace holds."""

from __future__ import annotations

import itertools
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgpack
import pytest

from neuronscope.api.live_messages import addressed
from neuronscope.traces.store import Trace
from neuronscope.traces.wire import step_frame
from support.live import LiveClient, live_client, recorded, threads_named, without_id

CHANGE = {"id": "off", "units": ["mlp_act.1:3"], "op": "ablate_zero"}


def steps(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [event for event in events if event["type"] == "step"]


def idle(live: Any) -> None:
    """Nothing of any run is left: no thread, and no hook on any model."""
    end = time.monotonic() + 10
    while threads_named("live-", "recorder-") and time.monotonic() < end:
        time.sleep(0.01)
    assert threads_named("live-", "recorder-") == []
    for loaded in live.services.engine.loaded().values():
        hooks = [
            h for m in loaded.model.modules() for h in (*m._forward_hooks.values(), *m._forward_pre_hooks.values())
        ]
        # transformers sets some of its own when a model first runs.
        assert [h for h in hooks if not getattr(h, "__module__", "").startswith("transformers")] == []


def test_one_generates_and_two_watch(live: Any) -> None:
    with live_client(live.client) as first, live_client(live.client) as second, live_client(live.client) as third:
        trace_id = first.generate(tokens=40)
        second.send("watch", trace_id=trace_id)
        third.send("watch", trace_id=trace_id, from_step=0)
        found = [without_id(one.to_end()) for one in (first, second, third)]
    expected = recorded(live.client, trace_id)
    assert [event["type"] for event in expected] == ["start", *["step"] * 40, "done"]
    assert found == [expected] * 3
    idle(live)


def test_frames_are_byte_for_byte_those_of_the_trace_with_the_runs_id_behind(live: Any) -> None:
    with live_client(live.client) as client:
        trace_id = client.generate(tokens=5)
        raw: list[bytes] = []
        while not raw or msgpack.unpackb(raw[-1])["type"] != "done":
            data = client.connection.recv(timeout=60)
            assert isinstance(data, bytes)
            raw.append(data)
        client.send("watch", trace_id=trace_id)
        again = [client.connection.recv(timeout=60) for _ in raw]
    with Trace.open(live.services.workspace.trace_path(trace_id)) as trace:
        frames = [step_frame(trace, n) for n in range(5)]
    sent = [data for data in raw if msgpack.unpackb(data)["type"] == "step"]
    assert sent == [addressed(frame, trace_id) for frame in frames]
    assert again == raw
    for number, frame in enumerate(frames):
        assert msgpack.unpackb(live.client.get(f"/api/traces/{trace_id}/steps/{number}").content) == msgpack.unpackb(
            frame
        )


def test_the_id_is_put_behind_maps_of_every_size() -> None:
    for size in (0, 1, 14, 15, 16, 17, 70_000):
        fields = {f"k{n}": n for n in range(size)}
        assert list(msgpack.unpackb(addressed(msgpack.packb(fields), "t_1")).items()) == [
            *fields.items(),
            ("trace_id", "t_1"),
        ]


def test_a_third_on_another_model_waits_its_turn_and_is_told(live: Any) -> None:
    with live_client(live.client) as first, live_client(live.client) as second, live_client(live.client) as third:
        running = first.generate(tokens=4000)
        first.until(lambda event: event["type"] == "step")
        waiting = second.generate(tokens=3, model_id="local/other")
        third.send("generate", model_id="local/long", prompt="Hi", max_new_tokens=3)
        assert third.receive()["position"] == 2
        states = {one["trace_id"]: one for one in live.client.get("/api/generations").json()["generations"]}
        assert (states[running]["state"], states[waiting]["state"]) == ("running", "queued")
        assert states[waiting]["position"] == 1
        first.send("stop", trace_id=running)
        assert first.to_end()[-1]["reason"] == "stopped"
        told = [second.to_end(), third.to_end()]
    assert [event["type"] for event in told[0]][-5:] == ["start", "step", "step", "step", "done"]
    # The third moved up when the first had ended; it may have moved on before it was told of each place.
    places = [event["position"] for event in told[1] if event["type"] == "queued"]
    assert places == sorted(places, reverse=True)
    assert set(places) <= {0, 1}
    order = [recorded(live.client, event[-1]["trace_id"])[0]["model_id"] for event in told]
    assert order == ["local/other", "local/long"]
    idle(live)


def test_a_late_joiner_and_a_reconnect_from_a_step_end_with_the_same_steps(live: Any) -> None:
    with live_client(live.client) as first:
        # More steps than stay in memory.
        trace_id = first.generate(tokens=340)
        seen = first.until(lambda event: event.get("step") == 300)
        with live_client(live.client) as late:
            late.send("watch", trace_id=trace_id)
            whole = without_id(late.to_end())
    # The first one left at step 300 and comes back for what it missed.
    with live_client(live.client) as back:
        back.send("watch", trace_id=trace_id, from_step=301)
        rest = without_id(back.to_end())
    expected = recorded(live.client, trace_id)
    assert whole == expected
    assert [*without_id(seen), *rest[1:]] == expected
    assert rest[0] == expected[0]


def test_watching_again_on_the_same_socket_begins_anew(live: Any) -> None:
    with live_client(live.client) as client:
        trace_id = client.generate(tokens=300)
        client.until(lambda event: event.get("step") == 100)
        client.send("watch", trace_id=trace_id, from_step=50)
        events = client.to_end()
    anew = next(n for n, event in enumerate(events) if event["type"] == "start")
    assert without_id(events[anew:])[1:] == recorded(live.client, trace_id)[51:]


def test_two_runs_over_one_socket_carry_their_ids(live: Any) -> None:
    with live_client(live.client) as client:
        ids = [client.generate(tokens=4), None]
        events = client.to_end()
        ids[1] = client.generate(tokens=4)
        client.send("watch", trace_id=ids[0])
        ends = 0
        while ends < 2:
            events.append(client.receive())
            ends += events[-1]["type"] == "done"
        for trace_id in ids:
            mine = without_id([event for event in events if event["trace_id"] == trace_id])
            expected = recorded(live.client, str(trace_id))
            assert mine == (expected if trace_id == ids[1] else expected * 2)


def test_without_credit_payloads_drop_and_can_be_fetched(live: Any) -> None:
    with live_client(live.client, credit=None) as client:
        trace_id = client.generate(tokens=70)
        found = steps(client.to_end())
        client.send("credit", frames=3)
        client.send("watch", trace_id=trace_id, from_step=60)
        again = steps(client.to_end())
    whole = steps(recorded(live.client, trace_id))
    assert without_id(found[:64]) == whole[:64]
    for light, full in zip(found[64:], whole[64:], strict=True):
        assert all(entry["payload"] is None for entry in light["entries"])
        assert [entry["stats"] for entry in light["entries"]] == [entry["stats"] for entry in full["entries"]]
        lost = [entry["address"] for entry in full["entries"] if entry["payload"] is not None]
        assert (light["dropped"]["policy"], light["dropped"]["addresses"]) == ("no_credit", lost)
        rest = ("inputs", "token_id", "token", "logprob", "top", "pos0")
        assert [light[name] for name in rest] == [full[name] for name in rest]
    # Out of the file it is the same: three with payloads, the others without, as they were sent live.
    assert without_id(again[:3]) == whole[60:63]
    assert again[4:] == found[64:]


def test_whole_tensors_travel_too_out_of_the_file(live: Any) -> None:
    config = {"capture_mode": "full", "attention_tier": "full_matrix", "quantization": "f32"}
    with live_client(live.client) as client:
        trace_id = client.generate(tokens=4, prompt="a" * 400, config=config)
        found = without_id(client.to_end())
    assert found == recorded(live.client, trace_id)
    matrix = next(entry for entry in found[1]["entries"] if entry["address"] == "attn_weights.1")
    assert len(matrix["payload"]["values"]) == 4 * 4 * 401 * 401
    assert live.services.live.get(trace_id).feed.forgotten == (0, 0)  # the prompt's step was too large for memory


def test_a_recorded_run_can_be_watched_at_a_speed(live: Any) -> None:
    with live_client(live.client) as client:
        trace_id = client.generate(tokens=8)
        client.to_end()
        begun = time.monotonic()
        client.send("watch", trace_id=trace_id, speed=20)
        found = client.to_end()
        assert time.monotonic() - begun >= 7 / 20
        assert without_id(found) == recorded(live.client, trace_id)


def test_interventions_in_mid_run_give_receipts_live_and_in_the_trace(live: Any) -> None:
    with live_client(live.client) as client:
        trace_id = client.generate(tokens=4000, interventions=[{**CHANGE, "id": "from the first"}])
        begun = client.until(lambda event: event["type"] == "receipt")
        assert begun[-1]["step"] == 0
        client.send("intervene", trace_id=trace_id, interventions=[CHANGE], replace=False)
        both = client.until(lambda event: event["type"] == "receipt" and len(event["interventions"]) == 2)
        client.send("intervene", trace_id=trace_id, interventions=[], replace=True)
        cleared = client.until(lambda event: event["type"] == "receipt" and event["defined"] == [])
        client.send("stop", trace_id=trace_id)
        rest = client.to_end()
    events = without_id([*begun, *both, *cleared, *rest])
    assert events == recorded(live.client, trace_id)
    assert {one["id"] for one in both[-1]["interventions"]} == {"from the first", "off"}
    assert all(one["fired"] for one in both[-1]["interventions"])
    # A receipt follows its step.
    for before, event in itertools.pairwise(events):
        assert event["type"] != "receipt" or (before["type"], before["step"]) == ("step", event["step"])


def test_the_same_request_gives_the_same_steps_bit_for_bit(live: Any) -> None:
    runs = []
    with live_client(live.client) as client:
        for _ in range(2):
            client.generate(tokens=60, seed=5, config={"max_bytes_per_step": 1 << 20})
            runs.append(without_id(client.to_end())[1:])
    assert all(step["dropped"] is None for step in runs[0][:-1])
    assert runs[0] == runs[1]


def test_a_stop_keeps_what_was_recorded(live: Any) -> None:
    with live_client(live.client) as client:
        trace_id = client.generate(tokens=4000)
        seen = client.until(lambda event: event.get("step") == 20)
        client.send("stop", trace_id=trace_id)
        end = client.to_end()
        client.send("stop", trace_id=trace_id)  # once more does nothing
        client.send("watch", trace_id=trace_id, from_step=10)
        assert client.to_end()[-1] == end[-1]
    assert end[-1]["reason"] == "stopped"
    trace = live.client.get(f"/api/traces/{trace_id}").json()
    assert trace["closed"]
    assert trace["steps"] == len(steps([*seen, *end]))
    idle(live)


def test_one_that_waits_is_stopped_at_once_and_leaves_nothing(live: Any) -> None:
    with live_client(live.client) as first, live_client(live.client) as second:
        running = first.generate(tokens=4000)
        first.until(lambda event: event["type"] == "step")
        waiting = second.generate(model_id="local/other")
        second.send("stop", trace_id=waiting)
        assert second.to_end()[-1] == {"type": "done", "reason": "stopped", "unfired": [], "trace_id": waiting}
        assert live.client.get(f"/api/generations/{running}").json()["state"] == "running"
        first.send("stop", trace_id=running)
        first.to_end()
    assert not list(live.services.workspace.traces.glob(f"{waiting}*"))
    assert live.client.get(f"/api/generations/{waiting}").json()["reason"] == "stopped"
    idle(live)


def test_many_at_once_take_turns_and_each_gets_its_own(live: Any) -> None:
    def one(number: int) -> bool:
        with live_client(live.client) as client:
            model_id = ("local/long", "local/other")[number % 2]
            trace_id = client.generate(tokens=5, prompt=f"number {number}", model_id=model_id)
            return without_id(client.to_end()) == recorded(live.client, trace_id)

    with ThreadPoolExecutor(12) as people:
        assert all(people.map(one, range(24)))
    idle(live)


def test_what_is_left_of_a_run_is_its_trace(live: Any) -> None:
    client: LiveClient
    with live_client(live.client) as client:
        trace_id = client.generate(tokens=3)
        client.to_end()
        for _ in range(40):
            client.generate(tokens=1)
            client.to_end()
        assert live.client.get(f"/api/generations/{trace_id}").status_code == 404
        client.send("watch", trace_id=trace_id)
        assert without_id(client.to_end()) == recorded(live.client, trace_id)


@pytest.mark.parametrize("first", [0, 2, 3])
def test_a_recorded_run_can_be_joined_at_each_of_its_steps_and_after_the_last(live: Any, first: int) -> None:
    with live_client(live.client) as client:
        trace_id = client.generate(tokens=3)
        client.to_end()
        client.send("watch", trace_id=trace_id, from_step=first)
        found = client.to_end()
    assert [event["step"] for event in steps(found)] == [*range(first, 3)]
