"""Comparisons of two precisions over REST, on a real server."""

from __future__ import annotations

import csv
import io
import math
from typing import Any

import httpx
import pytest

from neuronscope.runtime.comparisons import Comparison

BODY = {"model_id": "local/one", "prompts": ["Hi there, you", "a b c d"], "a": "float32", "b": "bfloat16"}


@pytest.fixture(scope="module")
def comparison(server: Any) -> str:
    answer = server.client.post("/api/precisions", json=BODY)
    assert answer.status_code == 202, answer.text
    job = server.wait(answer.json())
    assert job["state"] == "done", job
    assert (job["kind"], job["model_id"], job["progress"]["unit"]) == ("precision", "local/one", "tokens")
    assert job["progress"]["done"] == job["progress"]["total"] == 2 * (14 + 8)
    return str(job["result"]["comparison_id"])


def test_the_summary_is_what_was_kept(server: Any, comparison: str) -> None:
    found = server.client.get(f"/api/precisions/{comparison}").json()
    kept = Comparison.open(server.services.workspace.precision_path(comparison))
    assert (found["tokens"], found["neurons"], found["top_k"]) == (20, 48, 10)
    assert found["loss_a"] == kept.summary.loss_a
    assert [row["layer"] for row in found["layers"]] == [0, 1]
    assert len(found["points"]["unit"]) == 48
    listed = server.client.get("/api/precisions").json()["comparisons"]
    assert comparison in [row["comparison_id"] for row in listed]


def test_neurons_are_sorted_paged_and_chosen_by_layer(client: httpx.Client, comparison: str) -> None:
    def page(**query: Any) -> dict[str, Any]:
        return dict(client.get(f"/api/precisions/{comparison}/neurons", params=query).json())

    everything = page(limit=500)
    assert everything["total"] == 48
    correlations = [row["correlation"] for row in everything["neurons"]]
    said = [c for c in correlations if c is not None]
    assert said == sorted(said)
    assert correlations[len(said) :] == [None] * (48 - len(said))
    shifts = [row["mean_shift"] for row in page(sort="mean_shift", descending=True, limit=500)["neurons"]]
    told = [s for s in shifts if s is not None]
    assert told == sorted(told, reverse=True)
    second = page(layer=1, offset=20, limit=10)
    assert (second["total"], second["offset"], len(second["neurons"])) == (24, 20, 4)
    assert {row["layer"] for row in second["neurons"]} == {1}
    assert page(layer=9)["neurons"] == []


def test_the_csv_holds_every_neuron(server: Any, comparison: str) -> None:
    answer = server.client.get(f"/api/precisions/{comparison}/export")
    assert answer.headers["content-type"].startswith("text/csv")
    assert comparison in answer.headers["content-disposition"]
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    kept = Comparison.open(server.services.workspace.precision_path(comparison)).neurons
    assert len(rows) == len(kept) == 48
    for row, neuron in zip(rows, kept, strict=True):
        assert (int(row["layer"]), int(row["unit"])) == (neuron["layer"], neuron["unit"])
        told = float(row["correlation"]) if row["correlation"] else math.nan
        assert told == pytest.approx(float(neuron["correlation"]), rel=1e-6, nan_ok=True)


def test_the_model_that_was_loaded_before_still_is(server: Any) -> None:
    server.client.post("/api/captures", json={"model_id": "local/one", "prompt": "Hi"})
    server.wait(server.client.post("/api/precisions", json={**BODY, "b": "float16"}).json())
    entry = next(m for m in server.client.get("/api/models").json()["models"] if m["model_id"] == "local/one")
    assert entry["loaded"]
    assert entry["loaded_as"]["dtype"] == "float32"


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"b": "float32"}, 400, "bad_request"),
        ({"b": "q4"}, 422, "invalid_request"),
        ({"prompts": []}, 422, "invalid_request"),
        ({"prompts": [""]}, 422, "invalid_request"),
        ({"prompts": "one"}, 422, "invalid_request"),
        ({"model_id": "local/none"}, 404, "not_found"),
        ({"model_id": "openai-community/gpt2"}, 409, "conflict"),
        ({"device": "tpu"}, 422, "invalid_request"),
        ({"b": "int8", "device": "cpu"}, 400, "bad_request"),
        ({"more": 1}, 422, "invalid_request"),
    ],
)
def test_what_cannot_be_compared_is_refused_at_once(
    client: httpx.Client, change: dict[str, Any], status: int, code: str
) -> None:
    answer = client.post("/api/precisions", json={**BODY, **change})
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code), answer.text


def test_a_prompt_without_enough_tokens_fails_the_job_and_leaves_nothing(server: Any) -> None:
    before = len(server.client.get("/api/precisions").json()["comparisons"])
    job = server.wait(server.client.post("/api/precisions", json={**BODY, "prompts": ["a"]}).json())
    assert job["state"] == "failed"
    assert "fewer than two tokens" in job["error"]["message"]
    assert len(server.client.get("/api/precisions").json()["comparisons"]) == before


@pytest.mark.parametrize("path", ["", "/neurons", "/export"])
@pytest.mark.parametrize("name", ["p_01jc0000000000000000000000", "t_01jc0000000000000000000000", "..", "p_x"])
def test_one_that_is_not_there(client: httpx.Client, path: str, name: str) -> None:
    answer = client.get(f"/api/precisions/{name}{path}")
    assert answer.status_code == 404


def test_one_is_deleted(server: Any) -> None:
    job = server.wait(server.client.post("/api/precisions", json=BODY).json())
    name = job["result"]["comparison_id"]
    assert server.client.delete(f"/api/precisions/{name}").json() == {"deleted": name}
    assert server.client.get(f"/api/precisions/{name}").status_code == 404
    assert server.client.delete(f"/api/precisions/{name}").status_code == 404
