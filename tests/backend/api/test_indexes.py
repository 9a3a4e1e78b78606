from __future__ import annotations

from typing import Any

import httpx
import numpy as np
import pytest

TEXT = "The cat sat on the mat.\n\nA dog saw the cat.\n\nÜber den Wolken ☃ schneit es.\n\n" + "so on and on " * 20
NOBODY = "x_" + "0" * 26


@pytest.fixture(scope="module")
def index(server: Any) -> dict[str, Any]:
    """An index of ``local/one`` over a small uploaded corpus."""
    made = server.client.post("/api/corpora", json={"name": "small", "content": TEXT})
    assert made.status_code == 201, made.text
    assert made.json() == {"corpus": "local/small", "documents": 4, "bytes": len(TEXT.encode()), "fields": []}
    body = {"model_id": "local/one", "corpus": "local/small", "k": 8}
    answer = server.client.post("/api/indexes", json=body)
    assert answer.status_code == 202
    job = server.wait(answer.json())
    assert job["state"] == "done", job
    assert job["progress"] == {"done": 4.0, "total": 4.0, "unit": "documents", "phase": ""}
    listed = server.client.get("/api/indexes").json()["indexes"]
    return next(entry for entry in listed if entry["index_id"] == job["result"]["index_id"])


def top(client: httpx.Client, **query: Any) -> httpx.Response:
    return client.get("/api/neurons/top", params={"model_id": "local/one", "layer": 1, **query})


def test_the_list_describes_an_index(index: dict[str, Any], client: httpx.Client) -> None:
    card = client.get("/api/models/card", params={"model_id": "local/one"}).json()
    assert index["model_key"] == card["model_key"]
    assert (index["corpus"], index["k"], index["layers"], index["units"]) == ("local/small", 8, [0, 1], 24)
    assert (index["documents"], index["usable"], index["note"]) == (4, True, "")
    assert index["bytes"] > 0


def test_corpora_are_listed(index: dict[str, Any], client: httpx.Client) -> None:
    corpora = [entry["corpus"] for entry in client.get("/api/corpora").json()["corpora"]]
    assert corpora[0] == "bundled"
    assert "local/small" in corpora


def test_contexts_carry_their_own_activation(index: dict[str, Any], client: httpx.Client) -> None:
    answer = top(client, unit=5, k=6).json()
    assert answer["index_id"] == index["index_id"]
    activations = [context["activation"] for context in answer["contexts"]]
    assert len(activations) == 6
    assert activations == sorted(activations, reverse=True)
    for context in answer["contexts"]:
        assert context["activations"][context["peak"]] == context["activation"]
        assert len(context["tokens"]) == len(context["activations"]) == len(context["special"]) <= 33
    assert answer["stats"]["max"] == activations[0]
    assert answer["tokens"][0]["max"] == activations[0]


def test_the_strongest_value_is_what_a_probe_reads(index: dict[str, Any], client: httpx.Client) -> None:
    first = top(client, unit=5, k=1).json()["contexts"][0]
    document = TEXT.split("\n\n")[first["doc"]].strip("\n")
    body = {"model_id": "local/one", "layer": 1, "unit": 5, "text": document[:90]}
    probed = client.post("/api/neurons/activations", json=body).json()
    if first["position"] < len(probed["tokens"]):
        assert np.isclose(probed["activations"][first["position"]], first["activation"], atol=1e-5)
        assert probed["tokens"][first["position"]] == first["tokens"][first["peak"]]


def test_several_units_are_merged(index: dict[str, Any], client: httpx.Client) -> None:
    answers = [top(client, units="2,3", k=8), top(client, units=["2", "3"], k=8)]
    single = [top(client, unit=unit, k=8).json()["contexts"] for unit in (2, 3)]
    best = sorted((c["activation"] for contexts in single for c in contexts), reverse=True)[:8]
    for answer in answers:
        found = answer.json()
        assert found["units"] == [2, 3]
        assert found["stats"] is None
        assert [context["activation"] for context in found["contexts"]] == best


def test_the_window_can_be_narrower(index: dict[str, Any], client: httpx.Client) -> None:
    for context in top(client, unit=5, window=2).json()["contexts"]:
        assert len(context["tokens"]) <= 5


def test_a_token_leads_to_the_neurons_it_drives(index: dict[str, Any], client: httpx.Client) -> None:
    token = top(client, unit=5).json()["tokens"][0]["token"]
    answer = client.get("/api/tokens/top", params={"model_id": "local/one", "token": token, "k": 1000}).json()
    assert {"layer": 1, "unit": 5} in [{k: n[k] for k in ("layer", "unit")} for n in answer["neurons"]]
    strengths = [neuron["max"] for neuron in answer["neurons"]]
    assert strengths == sorted(strengths, reverse=True)
    assert client.get("/api/tokens/top", params={"model_id": "local/one", "token": "never"}).json()["neurons"] == []


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"unit": 24}, 400),
        ({"layer": 2, "unit": 0}, 400),
        ({"units": "1,x"}, 422),
        ({"units": "-1"}, 422),
        ({"unit": 1, "units": "2"}, 400),
        ({}, 400),
        ({"unit": -1}, 422),
        ({"unit": 1, "k": 0}, 422),
        ({"unit": 1, "window": 17}, 422),
        ({"unit": 1, "index_id": NOBODY}, 404),
        ({"unit": 1, "index_id": "../../etc"}, 404),
        ({"unit": 1, "model_id": "local/none"}, 404),
        ({"unit": 1, "model_id": "local/two"}, 404),
        ({"unit": 1, "colour": "red"}, 422),
        ({"unit": "mlp_act.1:5"}, 200),
        ({"unit": "mlp_act.0:5"}, 200),
        ({"unit": "resid_mid.1:5"}, 404),
        ({"unit": "ln_f:5"}, 422),
        ({"unit": "odd.1:5"}, 400),
        ({"unit": "mlp_act.1:24"}, 400),
        ({"units": "mlp_act.0:1"}, 200),
    ],
)
def test_bad_questions(index: dict[str, Any], client: httpx.Client, query: dict[str, Any], status: int) -> None:
    answer = top(client, **query)
    assert answer.status_code == status, answer.text
    assert status == 200 or answer.json()["error"]["message"].endswith(".")


def test_units_of_other_points_are_asked_by_name(index: dict[str, Any], server: Any) -> None:
    body = {"model_id": "local/one", "corpus": "local/small", "k": 4, "points": ["resid_post", "head_norm.1"]}
    job = server.wait(server.client.post("/api/indexes", json=body).json())
    assert job["state"] == "done", job
    entry = server.client.get("/api/indexes").json()["indexes"][0]
    assert (entry["points"], entry["layers"], entry["units"]) == (["head_norm", "resid_post"], [0, 1], 16)
    one = {"model_id": "local/one"}

    def get(path: str, **query: Any) -> dict[str, Any]:
        answer = server.client.get(path, params={**one, **query})
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    found = get("/api/neurons/top", unit="resid_post.0:3")
    assert (found["index_id"], found["point"], found["layer"]) == (entry["index_id"], "resid_post", 0)
    assert (found["units"], found["names"]) == ([3], ["resid_post.0:3"])
    assert {(c["point"], c["layer"], c["unit"]) for c in found["contexts"]} == {("resid_post", 0, 3)}
    both = get("/api/neurons/top", units="resid_post.0:3,head_norm.1:1", k=1000)
    assert (both["point"], both["layer"], both["names"]) == (None, None, ["head_norm.1:1", "resid_post.0:3"])
    assert len(both["contexts"]) == 8
    top = found["contexts"][0]
    place = {**one, "unit": "resid_post.0:3", "doc": top["doc"], "window": top["window"]}
    window = server.client.post("/api/neurons/window", json=place).json()
    assert (window["point"], window["layer"], window["unit"]) == ("resid_post", 0, 3)
    assert max(window["activations"][1:]) == pytest.approx(top["activation"], abs=1e-5)
    assert get("/api/neurons/examples", unit="head_norm.1:0")["point"] == "head_norm"
    assert {row["point"] for row in get("/api/neurons", point="head_norm")["neurons"]} == {"head_norm"}
    assert {row["point"] for row in get("/api/neurons")["neurons"]} == {"mlp_act"}, "the index of neurons answers"
    driven = get("/api/tokens/top", token="t", point="resid_post", k=1000)["neurons"]
    assert {neuron["point"] for neuron in driven} == {"resid_post"}
    assert get("/api/neurons/top", layer=1, unit=5)["index_id"] == index["index_id"]
    assert server.client.delete(f"/api/indexes/{entry['index_id']}").status_code == 200


def test_an_index_of_another_model_is_a_conflict(index: dict[str, Any], client: httpx.Client) -> None:
    answer = top(client, unit=1, model_id="local/two", index_id=index["index_id"])
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "conflict")


def test_an_index_of_other_weights_is_not_used(index: dict[str, Any], server: Any) -> None:
    path = server.services.workspace.index_path(index["index_id"]) / "manifest.json"
    text = path.read_text(encoding="utf-8")
    changed = "x_" + "1" * 26
    import shutil

    shutil.copytree(path.parent, server.services.workspace.index_path(changed))
    copy = server.services.workspace.index_path(changed) / "manifest.json"
    copy.write_text(text.replace(index["model_key"], "0" * 32), encoding="utf-8")
    entry = next(e for e in server.client.get("/api/indexes").json()["indexes"] if e["index_id"] == changed)
    assert not entry["usable"]
    assert "other weights" in entry["note"]
    assert top(server.client, unit=1).json()["index_id"] == index["index_id"]
    assert top(server.client, unit=1, index_id=changed).status_code == 409
    assert server.client.delete(f"/api/indexes/{changed}").status_code == 200


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"corpus": "local/none"}, 404),
        ({"corpus": "../etc/passwd"}, 422),
        ({"corpus": "local/../../etc"}, 422),
        ({"layers": [9]}, 400),
        ({"points": []}, 422),
        ({"points": ["Odd"]}, 422),
        ({"points": ["odd"]}, 400),
        ({"points": ["q"]}, 400),
        ({"points": ["logits"]}, 400),
        ({"points": ["resid_post.2"]}, 400),
        ({"points": ["mlp_pre"]}, 422),
        ({"layers": []}, 422),
        ({"k": 0}, 422),
        ({"k": 1001}, 422),
        ({"documents": 0}, 422),
    ],
)
def test_bad_builds_are_refused_before_a_job_starts(
    index: dict[str, Any], client: httpx.Client, change: dict[str, Any], status: int
) -> None:
    before = len(client.get("/api/jobs").json()["jobs"])
    body = {"model_id": "local/one", "corpus": "local/small", **change}
    answer = client.post("/api/indexes", json=body)
    assert answer.status_code == status, answer.text
    assert len(client.get("/api/jobs").json()["jobs"]) == before


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({"name": "small", "content": "x"}, 409, "already"),
        ({"name": "../up", "content": "x"}, 422, "'name'"),
        ({"name": "empty", "content": "\n \n"}, 400, "no documents"),
        ({"name": "bad", "format": "jsonl", "content": '{"text": "a"}\n{'}, 400, "Line 2"),
        ({"name": "bad", "format": "jsonl", "content": '{"other": "a"}'}, 400, "'text'"),
        ({"name": "bad", "format": "csv", "content": "a"}, 422, "'format'"),
    ],
)
def test_bad_corpora_are_refused_and_not_kept(
    index: dict[str, Any], client: httpx.Client, server: Any, body: dict[str, Any], status: int, said: str
) -> None:
    before = sorted(path.name for path in server.services.workspace.corpora.iterdir())
    answer = client.post("/api/corpora", json=body)
    assert answer.status_code == status, answer.text
    assert said in answer.json()["error"]["message"]
    assert sorted(path.name for path in server.services.workspace.corpora.iterdir()) == before


def test_deleting_an_index(server: Any) -> None:
    body = {"model_id": "local/two", "corpus": "bundled", "documents": 3, "k": 1}
    job = server.wait(server.client.post("/api/indexes", json=body).json())
    index_id = job["result"]["index_id"]
    assert server.client.delete(f"/api/indexes/{index_id}").json() == {"deleted": index_id}
    assert server.client.delete(f"/api/indexes/{index_id}").status_code == 404
    assert index_id not in {entry["index_id"] for entry in server.client.get("/api/indexes").json()["indexes"]}
    assert not server.services.workspace.index_path(index_id).exists()


def test_a_build_can_be_cancelled_and_leaves_nothing(server: Any) -> None:
    before = sorted(server.services.workspace.indexes.iterdir())
    body = {"model_id": "local/two", "corpus": "bundled", "documents": 10_000_000}
    job = server.client.post("/api/indexes", json=body).json()
    assert server.client.delete(f"/api/jobs/{job['job_id']}").status_code == 200
    assert server.wait(job, 5)["state"] == "cancelled"
    assert sorted(server.services.workspace.indexes.iterdir()) == before
