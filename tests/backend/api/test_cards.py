from __future__ import annotations

import threading
from typing import Any

import pytest

from neuronscope.models.cards import weights

ONE = {"model_id": "local/one"}


def test_the_card_says_what_the_model_is_and_computes(server: Any) -> None:
    card = server.client.get("/api/models/card", params=ONE).json()
    assert card["diagram"]["stack"] == [{"kinds": [0], "times": card["layers"]}]
    (block,) = card["diagram"]["blocks"]
    assert {node["id"] for node in block["nodes"]} >= {"in", "q", "attention", "add-attention", "mlp-out", "out"}
    assert {one["part"] for one in card["equations"]} >= {"norm", "attention", "mlp", "block", "logits"}
    assert card["parity"]["holds"]
    assert card["tokenizer"]["sample_tokens"][0]["special"]
    assert [layer["layer"] for layer in card["layer_facts"]] == list(range(card["layers"]))


def test_weights_are_measured_once_and_kept(server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    before = server.client.get("/api/models/weights", params=ONE)
    assert before.status_code == 404
    assert before.json()["error"]["code"] == "not_found"
    answer = server.client.post("/api/models/weights", json=ONE)
    assert answer.status_code == 202
    job = server.wait(answer.json())
    assert (job["state"], job["kind"], job["model_id"]) == ("done", "weights", "local/one")
    card = server.client.get("/api/models/card", params=ONE).json()
    assert job["result"] == {
        **ONE,
        "model_key": card["model_key"],
        "layers": card["layers"],
        "dead": 0,
        "duplicates": 0,
    }
    assert job["progress"]["done"] == job["progress"]["total"] == card["layers"]
    report = server.client.get("/api/models/weights", params=ONE).json()
    assert report["model_key"] == card["model_key"]
    assert [layer["layer"] for layer in report["layers"]] == list(range(card["layers"]))
    part = next(p for p in report["layers"][0]["parts"] if p["part"] == "mlp_out")
    assert part["rows"] * part["columns"] == sum(part["counts"]) + part["beyond"]

    monkeypatch.setattr(weights, "layer_weights", _never)
    again = server.client.post("/api/models/weights", json=ONE).json()
    assert again["state"] == "done", "what is kept is there at once"
    for one in server.services.jobs.list():
        if one.kind == "weights":
            server.services.jobs._jobs.pop(one.job_id)
    assert server.client.post("/api/models/weights", json=ONE).json()["state"] == "done", (
        "also where no job remembers it"
    )


def _never(*_args: object) -> None:
    raise AssertionError("nothing is measured twice")


def test_a_damaged_report_is_measured_anew(server: Any) -> None:
    model = {"model_id": "local/two"}
    server.wait(server.client.post("/api/models/weights", json=model).json())
    key = server.client.get("/api/models/card", params=model).json()["model_key"]
    path = server.services.workspace.root / "weights" / f"{key}.json"
    path.write_text("{", encoding="utf-8")
    assert server.client.get("/api/models/weights", params=model).status_code == 404
    job = server.wait(server.client.post("/api/models/weights", json=model).json())
    assert job["state"] == "done"
    assert server.client.get("/api/models/weights", params=model).json()["layers"]


def test_captures_have_their_turn_between_layers_and_the_job_can_be_cancelled(
    server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = {"model_id": "local/two"}
    server.client.get("/api/models/card", params=model)
    key = server.client.get("/api/models/card", params=model).json()["model_key"]
    (server.services.workspace.root / "weights" / f"{key}.json").unlink(missing_ok=True)
    measured, go, real = threading.Event(), threading.Event(), weights.layer_weights
    done: list[int] = []

    def slow(loaded: Any, layer: int, check: Any) -> Any:
        if done:
            go.wait(30)
        found = real(loaded, layer, check)
        done.append(layer)
        measured.set()
        return found

    monkeypatch.setattr(weights, "layer_weights", slow)
    job = server.client.post("/api/models/weights", json=model).json()
    assert measured.wait(30)
    same = server.client.post("/api/models/weights", json=model).json()
    assert same["job_id"] == job["job_id"], "the one that is at it already"
    answer: list[int] = []
    prompt = {"prompt": "abc", **model}
    capture = threading.Thread(
        target=lambda: answer.append(server.client.post("/api/captures", json=prompt, timeout=60).status_code)
    )
    capture.start()
    server.client.delete(f"/api/jobs/{job['job_id']}")
    go.set()
    capture.join(60)
    assert [status < 300 for status in answer] == [True]
    assert server.wait(job)["state"] == "cancelled"
    assert done == [0]
    assert server.client.get("/api/models/weights", params=model).status_code == 404, "nothing half measured is kept"


@pytest.mark.parametrize("method", ["get", "post"])
def test_an_unknown_model_is_refused(server: Any, method: str) -> None:
    body = {"model_id": "nobody/nothing"}
    asked = {"params": body} if method == "get" else {"json": body}
    answer = server.client.request(method, "/api/models/weights", **asked)
    assert answer.status_code in (404, 409)
    assert answer.json()["error"]["message"]
