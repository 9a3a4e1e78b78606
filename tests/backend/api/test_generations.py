"""Live runs without a socket: begun, looked at, changed and stopped over REST."""

from __future__ import annotations

import time
from typing import Any

import pytest

from support.live import live_client, recorded, without_id

BODY = {"model_id": "local/long", "prompt": "Hi, cat 42!", "max_new_tokens": 8000}


def begin(live: Any, **fields: Any) -> str:
    answer = live.client.post("/api/generations", json={**BODY, **fields})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["trace_id"])


def until(live: Any, trace_id: str, steps: int = 0, state: str | None = None) -> dict[str, Any]:
    """The run once it has so many steps, or is in that state."""
    end = time.monotonic() + 30
    while time.monotonic() < end:
        found: dict[str, Any] = live.client.get(f"/api/generations/{trace_id}").json()
        if found["steps"] >= steps and state in (None, found["state"]):
            return found
        time.sleep(0.01)
    raise AssertionError(found)


def test_a_run_begun_over_rest_records_a_trace_that_can_be_polled(live: Any) -> None:
    trace_id = begin(live, max_new_tokens=12, temperature=0.8, seed=3, config={"capture_mode": "stats"})
    found = until(live, trace_id, state="ended")
    assert (found["steps"], found["reason"], found["error"], found["recording_error"]) == (12, "length", None, None)
    trace = live.client.get(f"/api/traces/{trace_id}").json()
    assert (trace["steps"], trace["closed"]) == (12, True)
    start = recorded(live.client, trace_id)[0]
    assert (start["config"]["capture_mode"], start["settings"]["seed"]) == ("stats", 3)
    assert live.client.get("/api/generations").json()["generations"][0] == found


def test_a_run_may_be_held_to_a_pace_that_a_person_can_follow(live: Any) -> None:
    began = time.monotonic()
    trace_id = begin(live, max_new_tokens=4, pace=10)
    until(live, trace_id, state="ended")
    assert time.monotonic() - began >= 0.4
    quick = begin(live, max_new_tokens=4)
    until(live, quick, state="ended")
    steps = [[e for e in recorded(live.client, one) if e["type"] == "step"] for one in (trace_id, quick)]
    assert [event["token_id"] for event in steps[0]] == [event["token_id"] for event in steps[1]]

    slow = begin(live, pace=0.1)
    until(live, slow, steps=1)
    began = time.monotonic()
    live.client.post(f"/api/generations/{slow}/stop")
    assert until(live, slow, state="ended")["reason"] == "stopped"
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("pace", [0, -1, 1e9, "fast"])
def test_a_pace_that_is_none_is_refused(live: Any, pace: Any) -> None:
    answer = live.client.post("/api/generations", json={**BODY, "pace": pace})
    assert answer.status_code == 422 or answer.status_code == 400
    assert "pace" in answer.text


def test_a_compiled_run_is_refused_where_the_model_is_on_no_card(live: Any) -> None:
    model = next(m for m in live.client.get("/api/models").json()["models"] if m["model_id"] == BODY["model_id"])
    if model["loaded"] and model["loaded_as"]["device"].startswith("cuda"):
        pytest.skip("the model is on a card")
    answer = live.client.post("/api/generations", json={**BODY, "compiled": True})
    assert answer.status_code == 400
    assert "needs an NVIDIA card" in answer.json()["error"]["message"]
    assert "Leave compiled out" in answer.json()["error"]["hint"]


def test_tiles_are_asked_for_over_rest_and_the_socket(live: Any) -> None:
    config = {"capture_mode": "tile", "tile": "random", "tile_size": [4, 6], "points": ["mlp_act"]}
    trace_id = begin(live, max_new_tokens=3, config=config)
    until(live, trace_id, state="ended")
    over_rest = without_id(recorded(live.client, trace_id))
    with live_client(live.client) as client:
        client.generate(3, config=config)
        over_the_socket = without_id(client.to_end())
    steps = [event for event in over_the_socket if event["type"] == "step"]
    assert steps == [event for event in over_rest if event["type"] == "step"]
    for step in steps:
        kept = [entry["payload"] for entry in step["entries"] if entry["address"].startswith("mlp_act")]
        assert [(tile["kind"], tile["source"], tile["height"], tile["width"]) for tile in kept] == [
            ("tile", "random", 4, 6)
        ] * 2
        assert all(len(tile["values"]) == 2 * 4 * 6 for tile in kept)


def test_it_goes_on_without_a_watcher_and_can_be_watched(live: Any) -> None:
    trace_id = begin(live, max_new_tokens=50)
    with live_client(live.client) as client:
        client.send("watch", trace_id=trace_id)
        assert without_id(client.to_end()) == recorded(live.client, trace_id)


def test_it_is_changed_and_stopped(live: Any) -> None:
    trace_id = begin(live)
    until(live, trace_id, steps=3)
    change = {"interventions": [{"units": ["mlp_act.0:1"], "op": "scale", "value": 2}]}
    answer = live.client.post(f"/api/generations/{trace_id}/interventions", json=change)
    assert (answer.status_code, answer.json()["state"]) == (200, "running")
    until(live, trace_id, steps=answer.json()["steps"] + 3)
    stopped = live.client.post(f"/api/generations/{trace_id}/stop")
    assert stopped.status_code == 200
    found = until(live, trace_id, state="ended")
    assert found["reason"] == "stopped"
    receipts = [event for event in recorded(live.client, trace_id) if event["type"] == "receipt"]
    assert receipts[0]["step"] >= 3
    assert receipts[0]["defined"][0]["value"] == 2
    again = live.client.post(f"/api/generations/{trace_id}/interventions", json=change)
    assert (again.status_code, again.json()["error"]["message"]) == (409, "This run has ended.")


def test_a_change_sent_right_after_the_begin_is_in_force_in_all_steps_to_come(live: Any) -> None:
    change = {"interventions": [{"units": ["mlp_act.0:1"], "op": "set", "value": 2}]}
    for _ in range(5):
        trace_id = begin(live, max_new_tokens=400)
        answer = live.client.post(f"/api/generations/{trace_id}/interventions", json=change)
        assert answer.status_code == 200, answer.text
        until(live, trace_id, state="ended")
        receipts = [event for event in recorded(live.client, trace_id) if event["type"] == "receipt"]
        assert receipts[-1]["step"] == 399
        assert len(receipts) == 400 - receipts[0]["step"]
        assert all(receipt["interventions"][0]["fired"] for receipt in receipts)


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"prompt": None}, 400),
        ({"prompt": ""}, 400),
        ({"prompt": None, "messages": []}, 422),
        ({"prompt": None, "messages": [{"role": "user", "content": " "}]}, 400),
        ({"prompt": "a" * 9000}, 413),
        ({"config": {"layers": [2]}}, 400),
        ({"interventions": [{"units": ["mlp_act.99:0"], "op": "ablate_zero"}]}, 400),
        ({"interventions": [{"units": ["mlp_act.0:99999"], "op": "ablate_zero"}]}, 400),
        ({"interventions": [{"units": ["mlp_out.0:32"], "op": "ablate_zero"}]}, 400),
        ({"messages": [{"role": "user", "content": "Hi"}]}, 400),
        ({"max_new_tokens": 0}, 422),
        ({"temperature": -1}, 422),
        ({"model_id": "gpt2"}, 409),
        ({"model_id": "local/none"}, 404),
        ({"config": {"topk": 0}}, 400),
        ({"interventions": [{"units": ["mlp_act.0:1"], "op": "melt"}]}, 422),
        ({"trace_id": "t_1"}, 422),
    ],
)
def test_bad_requests_are_refused_and_begin_nothing(live: Any, change: dict[str, Any], status: int) -> None:
    live.services.engine.load(BODY["model_id"])
    before = live.client.get("/api/generations").json()
    answer = live.client.post("/api/generations", json={**BODY, **change})
    assert answer.status_code == status, answer.text
    assert answer.json()["error"]["message"]
    assert live.client.get("/api/generations").json() == before


UNIT = {"units": ["mlp_act.0:1"], "op": "ablate_zero"}


@pytest.mark.parametrize(
    ("change", "status", "said"),
    [
        ({"config": {"colour": 1}}, 422, "'config.colour': extra inputs are not permitted."),
        ({"config": {"topk": "12"}}, 422, "'config.topk': input should be a valid integer."),
        ({"config": {"topk": True}}, 422, "'config.topk': input should be a valid integer."),
        ({"config": {"quantization": "q4"}}, 422, "'config.quantization': input should be 'f32', 'f16' or 'q8'."),
        ({"config": {"capture_mode": None}}, 422, "'config.capture_mode': input should be"),
        ({"config": {"topk": 0}}, 400, "topk can't be 0."),
        ({"config": {"tile_size": [8]}}, 400, "tile_size has 1 numbers."),
        ({"config": {"points": ["no point"]}}, 400, "no point"),
        ({"interventions": [{**UNIT, "colour": 1}]}, 422, "'interventions.0.colour': extra inputs are not permitted."),
        ({"interventions": [UNIT, {"units": ["mlp_act.0:2"]}]}, 422, "'interventions.1.op': field required."),
        (
            {"interventions": [{**UNIT, "positions": "first"}]},
            422,
            "positions': they are last, all, or a list of places.",
        ),
        (
            {"interventions": [{**UNIT, "positions": [1.5]}]},
            422,
            "positions': they are last, all, or a list of places.",
        ),
        ({"interventions": [{**UNIT, "positions": [-1]}]}, 400, "Intervention 'i1' has positions that are none."),
        ({"interventions": [{**UNIT, "id": None}]}, 400, "An intervention's id is a text of at most 100 characters."),
        ({"interventions": [{**UNIT, "value": 1}]}, 400, "Intervention 'i1' takes no value."),
        ({"interventions": [{"op": "ablate_zero"}]}, 400, "Intervention 'i1' needs either units or a group_id."),
        (
            {"interventions": [{**UNIT, "override_protection": 1}]},
            422,
            "override_protection': input should be a valid bool",
        ),
        (
            {"interventions": [{**UNIT, "op": "patch", "source": {"trace_id": "t_1", "step": 0}}]},
            422,
            "'interventions.0.source.position': field required.",
        ),
        ({"interventions": ["none"]}, 422, "'interventions.0': input should be a valid dictionary"),
    ],
)
def test_what_is_recorded_and_changed_is_refused_by_name(
    live: Any, change: dict[str, Any], status: int, said: str
) -> None:
    answer = live.client.post("/api/generations", json={**BODY, **change})
    assert (answer.status_code, said in answer.json()["error"]["message"]) == (status, True), answer.text


def test_a_change_to_a_run_is_read_as_one_that_it_begins_with(live: Any) -> None:
    trace_id = begin(live)
    where = f"/api/generations/{trace_id}/interventions"
    unknown = live.client.post(where, json={"interventions": [{**UNIT, "colour": 1}]})
    assert (unknown.status_code, unknown.json()["error"]["message"]) == (
        422,
        "'interventions.0.colour': extra inputs are not permitted.",
    )
    wrong = live.client.post(where, json={"interventions": [{**UNIT, "value": 1}]})
    assert (wrong.status_code, wrong.json()["error"]["message"]) == (400, "Intervention 'i1' takes no value.")
    live.client.post(f"/api/generations/{trace_id}/stop")


@pytest.mark.parametrize("trace_id", ["t_" + "0" * 26, "nothing", "..%2f..%2fetc"])
def test_unknown_runs_are_not_found(live: Any, trace_id: str) -> None:
    assert live.client.get(f"/api/generations/{trace_id}").status_code == 404
    assert live.client.post(f"/api/generations/{trace_id}/stop").status_code == 404
    body = {"interventions": []}
    assert live.client.post(f"/api/generations/{trace_id}/interventions", json=body).status_code == 404
