from __future__ import annotations

from typing import Any

import httpx
import numpy as np
import pytest

TEXT = "The cat sat on the mat.\n\nA dog saw the cat.\n\n=1+2 and so on\n\n" + "so on and on " * 20
OTHER = "A dog ran.\n\nThe dog sat on the mat.\n\nNo cat here at all"
ONE = {"model_id": "local/one"}


@pytest.fixture(scope="module")
def indexes(server: Any) -> list[str]:
    """Indexes of ``local/one`` over two small corpora, the second with all that can be indexed."""
    found = []
    for name, content, points in (("cats", TEXT, None), ("dogs", OTHER, ["mlp_act", "resid_post", "head_norm"])):
        made = server.client.post("/api/corpora", json={"name": name, "content": content})
        assert made.status_code == 201, made.text
        body = {**ONE, "corpus": f"local/{name}", "k": 5, "points": points}
        job = server.wait(server.client.post("/api/indexes", json=body).json())
        assert job["state"] == "done", job
        found.append(job["result"]["index_id"])
    return found


@pytest.fixture(scope="module")
def group(server: Any) -> dict[str, Any]:
    body = {**ONE, "name": "mine", "units": ["mlp_act.1:5", "mlp_act.0:2", "mlp_act.1:7"]}
    answer = server.client.post("/api/groups", json=body)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def get(client: httpx.Client, path: str, **query: Any) -> dict[str, Any]:
    answer = client.get(path, params=query)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_neighbours_go_with_a_unit(indexes: list[str], server: Any) -> None:
    found = get(server.client, "/api/neurons/neighbours", **ONE, layer=1, unit=5, k=1000, index_id=indexes[0])
    index = server.services.shelf.choose(None, indexes[0])
    sample = index.sample()
    expected = np.corrcoef(sample.values.astype(np.float64))[sample.units.index("mlp_act.1:5")]
    assert found["names"] == ["mlp_act.1:5"]
    assert found["sample"] == sample.values.shape[1]
    assert len(found["neighbours"]) == 47
    for one in found["neighbours"]:
        row = sample.units.index(f"{one['point']}.{one['layer']}:{one['unit']}")
        assert one["correlation"] == pytest.approx(expected[row], abs=1e-9)
    heads = get(
        server.client, "/api/neurons/neighbours", unit="mlp_act.1:5", **ONE, index_id=indexes[1], point="head_norm"
    )
    assert {one["point"] for one in heads["neighbours"]} == {"head_norm"}


def test_a_group_is_asked_about_as_its_units_are(
    indexes: list[str], group: dict[str, Any], client: httpx.Client
) -> None:
    names = ",".join(group["units"])
    for path in ("/api/neurons/top", "/api/neurons/neighbours"):
        by_id = get(client, path, **ONE, group_id=group["group_id"], index_id=indexes[0])
        by_name = get(client, path, **ONE, units=names, index_id=indexes[0])
        assert by_id == by_name
    assert by_id["names"] == ["mlp_act.0:2", "mlp_act.1:5", "mlp_act.1:7"]
    numbers = get(client, "/api/neurons/top", **ONE, layer=1, units="5,mlp_act.0:2,7", index_id=indexes[0])
    assert numbers["names"] == by_id["names"]


def test_several_units_together(indexes: list[str], group: dict[str, Any], server: Any) -> None:
    body = {**ONE, "group_id": group["group_id"], "index_id": indexes[0], "k": 6, "window": 4, "windows": 500}
    answer = server.client.post("/api/neurons/together", json=body)
    assert answer.status_code == 202, answer.text
    job = server.wait(answer.json())
    assert job["state"] == "done", job
    found = job["result"]
    assert (job["kind"], job["progress"]["unit"], job["model_id"]) == ("together", "windows", "local/one")
    assert found["units"] == ["mlp_act.0:2", "mlp_act.1:5", "mlp_act.1:7"]
    assert found["group_id"] == group["group_id"]
    scores = [context["score"] for context in found["contexts"]]
    assert len(scores) == 6
    assert scores == sorted(scores, reverse=True)
    stats = [
        get(server.client, "/api/neurons/top", **ONE, unit=name, index_id=indexes[0])["stats"]
        for name in found["units"]
    ]
    for context in found["contexts"]:
        z = [(v - s["mean"]) / s["std"] for v, s in zip(context["activations"], stats, strict=True)]
        assert context["score"] == pytest.approx(np.mean(z), abs=1e-6)
        assert len(context["tokens"]) == len(context["scores"]) <= 9
        for name, value in zip(found["units"], context["activations"], strict=True):
            place = {**ONE, "unit": name, "index_id": indexes[0], "doc": context["doc"], "window": context["window"]}
            again = server.client.post("/api/neurons/window", json=place).json()
            at = context["position"] - context["window"] * 95
            assert again["activations"][at] == pytest.approx(value, abs=1e-5)
    assert 0 <= found["certain"] <= 6
    assert found["searched"] <= found["candidates"]


def test_the_shortest_text_that_drives_a_unit(indexes: list[str], server: Any) -> None:
    top = get(server.client, "/api/neurons/top", **ONE, unit="resid_post.1:3", index_id=indexes[1])["contexts"][1]
    body = {**ONE, "unit": "resid_post.1:3", "index_id": indexes[1], "rank": 1, "share": 0.7}
    job = server.wait(server.client.post("/api/neurons/shortest", json=body).json())
    assert job["state"] == "done", job
    found = job["result"]
    assert found["before"] == pytest.approx(top["activation"], abs=1e-5)
    assert found["after"] >= 0.7 * found["before"] > 0
    assert len(found["tokens"]) == len(found["context"]) - found["cut"] - found["deleted"]
    assert found["complete"]
    probe = {**ONE, "unit": "resid_post.1:3", "text": found["text"]}
    run = server.client.post("/api/neurons/activations", json=probe).json()
    assert run["activations"][-1] == pytest.approx(found["as_typed"], abs=1e-5)
    own = {**ONE, "layer": 0, "unit": 4, "text": "The cat sat on the mat."}
    found = server.wait(server.client.post("/api/neurons/shortest", json=own).json())
    assert found["state"] == "done" or "a share of it says nothing" in found["error"]["message"]
    far = server.wait(server.client.post("/api/neurons/shortest", json={**body, "rank": 900}).json())
    assert (far["state"], far["error"]["code"]) == ("failed", "bad_request")


@pytest.mark.parametrize("unit", ["mlp_act.1:99", "mlp_act.7:0", "mlp_act:3"])
def test_a_unit_that_a_loaded_model_lacks_starts_no_job(server: Any, client: httpx.Client, unit: str) -> None:
    server.services.engine.load("local/one")
    before = client.get("/api/jobs").json()
    answer = client.post("/api/neurons/shortest", json={**ONE, "unit": unit, "text": "The cat"})
    assert answer.status_code == (422 if unit == "mlp_act:3" else 400), answer.text
    assert client.get("/api/jobs").json() == before


def test_a_unit_that_a_model_to_be_loaded_lacks_is_the_jobs_error(server: Any, client: httpx.Client) -> None:
    server.services.engine.load("local/one")
    server.services.engine.unload("local/one")
    asked = {**ONE, "unit": "mlp_act.1:99", "text": "The cat"}
    job = server.wait(client.post("/api/neurons/shortest", json=asked).json())
    assert (job["state"], job["error"]["code"]) == ("failed", "bad_address")
    assert job["error"]["message"].startswith("Unit 99 is out of range")


def test_one_unit_over_two_corpora(indexes: list[str], client: httpx.Client) -> None:
    found = get(client, "/api/neurons/compare", layer=1, unit=5, index_id=indexes[0], other_index_id=indexes[1], k=3)
    assert (found["same_model"], found["same_corpus"], found["kept"]) == (True, False, 5)
    for side, index_id in (("first", indexes[0]), ("second", indexes[1])):
        top = get(client, "/api/neurons/top", **ONE, layer=1, unit=5, index_id=index_id, k=3)
        assert found[side]["contexts"] == top["contexts"]
        assert found[side]["stats"] == top["stats"]
    assert 0 <= found["ngram_overlap"] <= found["token_overlap"] <= 1
    assert found["tokens"][0]["first"] is not None or found["tokens"][0]["second"] is not None
    units = get(
        client,
        "/api/neurons/compare",
        unit="mlp_act.1:5",
        other_unit="resid_post.1:3",
        index_id=indexes[1],
        other_index_id=indexes[1],
    )
    assert units["second"]["unit"] == "resid_post.1:3"
    assert -1 <= units["correlation"] <= 1


def test_what_a_unit_writes_is_its_column_through_the_norm_and_the_head(server: Any) -> None:
    found = get(server.client, "/api/neurons/writes", **ONE, layer=1, unit=5, k=4)
    assert (found["model_id"], found["unit"]) == ("local/one", "mlp_act.1:5")
    model = server.services.engine.load("local/one").model
    column = model.model.layers[1].mlp.down_proj.weight[:, 5] * model.model.norm.weight
    logits = (model.lm_head.weight @ column).tolist()
    order = sorted(range(1, 257), key=lambda i: -logits[i])  # token 0 is special
    for side, wanted in (("top", order[:4]), ("bottom", order[:-5:-1])):
        assert [token["id"] for token in found[side]] == wanted
        assert [token["logit"] for token in found[side]] == pytest.approx([logits[i] for i in wanted], rel=1e-4)
    assert found["mean"] == pytest.approx(float(np.mean([logits[i] for i in order])), abs=1e-6)
    assert "the division by the size of the stream, in the final norm" in found["left_out"]
    stream = get(server.client, "/api/neurons/writes", unit="resid_post.1:3", **ONE, k=1)
    row = (model.lm_head.weight[1:, 3] * model.model.norm.weight[3]).tolist()
    assert stream["top"][0]["id"] == int(np.argmax(row)) + 1


@pytest.mark.parametrize(
    ("path", "query", "status"),
    [
        ("writes", {"layer": 1, "unit": 99}, 400),
        ("writes", {"layer": 1, "unit": 1, "k": 0}, 422),
        ("writes", {"unit": "head_norm.1:1"}, 422),
        ("writes", {"layer": 1, "unit": 1, "model_id": "local/none"}, 404),
        ("neighbours", {}, 400),
        ("neighbours", {"unit": 5}, 400),
        ("neighbours", {"layer": 1, "unit": 5, "units": "3"}, 400),
        ("neighbours", {"group_id": "g_" + "0" * 26}, 404),
        ("neighbours", {"group_id": "../up"}, 404),
        ("neighbours", {"layer": 1, "unit": 5, "point": "ln1"}, 400),
        ("neighbours", {"layer": 1, "unit": 5, "k": 0}, 422),
        ("compare", {"layer": 1, "unit": 5}, 422),
        ("compare", {"layer": 1, "unit": 5, "index_id": "FIRST", "other_index_id": "x_" + "0" * 26}, 404),
        ("compare", {"layer": 1, "unit": 5, "index_id": "FIRST", "other_index_id": "FIRST"}, 400),
        ("compare", {"unit": "resid_post.1:5", "index_id": "FIRST", "other_index_id": "SECOND"}, 400),
        ("together", {"layer": 1, "units": [1, 99]}, 400),
        ("together", {"layer": 1, "units": []}, 422),
        ("together", {}, 400),
        ("together", {"layer": 1, "units": [1], "k": 201}, 422),
        ("shortest", {"layer": 1, "unit": 99}, 400),
        ("shortest", {"layer": 1, "unit": 1, "share": 0}, 422),
        ("shortest", {"layer": 1, "unit": 1, "text": ""}, 422),
        ("shortest", {"layer": 1, "unit": 1, "model_id": "local/none"}, 404),
    ],
)
def test_bad_questions(indexes: list[str], client: httpx.Client, path: str, query: dict[str, Any], status: int) -> None:
    asked = {name: {"FIRST": indexes[0], "SECOND": indexes[1]}.get(str(value), value) for name, value in query.items()}
    before = len(client.get("/api/jobs").json()["jobs"])
    if path in ("together", "shortest"):
        answer = client.post(f"/api/neurons/{path}", json={**ONE, **asked})
    else:
        answer = client.get(f"/api/neurons/{path}", params=asked if path == "compare" else {**ONE, **asked})
    assert answer.status_code == status, answer.text
    assert answer.json()["error"]["message"].endswith(".")
    assert len(client.get("/api/jobs").json()["jobs"]) == before


def test_a_group_of_other_weights_is_refused(indexes: list[str], server: Any) -> None:
    body = {"model_id": "local/two", "name": "theirs", "units": ["mlp_act.1:5"]}
    theirs = server.client.post("/api/groups", json=body).json()
    query = {"group_id": theirs["group_id"], "index_id": indexes[0]}
    answer = server.client.get("/api/neurons/top", params=query)
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "conflict")
