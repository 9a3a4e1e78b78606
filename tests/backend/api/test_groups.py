"""Groups over REST, on a real server."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

UNITS = ["mlp_act.1:3", "resid_post.0:15"]
NOBODY = "g_" + "0" * 26


def make(client: httpx.Client, **fields: Any) -> httpx.Response:
    return client.post("/api/groups", json={"model_id": "local/one", "name": "cats", "units": UNITS, **fields})


def test_a_group_goes_in_and_comes_out(client: httpx.Client, server: Any) -> None:
    answer = make(client, made_by="clustering")
    assert answer.status_code == 201
    made = answer.json()
    assert {"group_id", "name", "model_key", "units", "made_by"} <= set(made)
    assert (made["name"], made["units"], made["made_by"]) == ("cats", UNITS, "clustering")
    assert made["index_id"] is None
    assert made["model_key"] == server.services.engine.load("local/one").key
    assert client.get(f"/api/groups/{made['group_id']}").json() == made
    assert client.get("/api/groups", params={"model_id": "local/one"}).json()["groups"][0] == made
    assert made not in client.get("/api/groups", params={"model_id": "local/two"}).json()["groups"]
    assert client.delete(f"/api/groups/{made['group_id']}").json() == {"deleted": made["group_id"]}
    for gone in (client.get(f"/api/groups/{made['group_id']}"), client.delete(f"/api/groups/{made['group_id']}")):
        assert (gone.status_code, gone.json()["error"]["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [
        ({"units": []}, 422, "invalid_request"),
        ({"units": ["mlp_act.1:3"] * 2}, 400, "bad_request"),
        ({"units": ["mlp_act.1:24"]}, 400, "bad_address"),
        ({"units": ["attn_weights.1:0"]}, 400, "bad_address"),
        ({"units": [f"resid_post.0:{n}" for n in range(10_001)]}, 422, "invalid_request"),
        ({"name": ""}, 422, "invalid_request"),
        ({"name": " "}, 400, "bad_request"),
        ({"made_by": "chance"}, 422, "invalid_request"),
        ({"model_id": "local/three"}, 404, "not_found"),
        ({"index_id": "x_" + "0" * 26}, 404, "not_found"),
        ({"index_id": "../x"}, 400, "bad_request"),
    ],
)
def test_what_is_no_group_is_refused(client: httpx.Client, fields: dict[str, Any], status: int, code: str) -> None:
    answer = make(client, **fields)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


@pytest.mark.parametrize("group_id", [NOBODY, "x", "t_" + "0" * 26, "..%2f..%2fserver"])
def test_unknown_groups_are_not_found(client: httpx.Client, group_id: str) -> None:
    for answer in (client.get(f"/api/groups/{group_id}"), client.delete(f"/api/groups/{group_id}")):
        assert answer.status_code == 404


def test_a_group_is_changed_in_place(client: httpx.Client) -> None:
    made = make(client).json()
    path = f"/api/groups/{made['group_id']}"
    answer = client.patch(path, json={"name": "dogs", "add": ["mlp_act.0:2"], "remove": UNITS[:1]})
    assert answer.json() == {**made, "name": "dogs", "units": [UNITS[1], "mlp_act.0:2"]}
    assert client.get(path).json() == answer.json()


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({}, 400, "bad_request"),
        ({"name": ""}, 422, "invalid_request"),
        ({"units": UNITS}, 422, "invalid_request"),
        ({"model_id": "local/two"}, 422, "invalid_request"),
        ({"add": ["mlp_act.1:24"]}, 400, "bad_address"),
        ({"remove": ["mlp_act.1:4"]}, 400, "bad_request"),
        ({"remove": UNITS}, 400, "bad_request"),
    ],
)
def test_a_change_that_is_none_is_refused(client: httpx.Client, change: dict[str, Any], status: int, code: str) -> None:
    made = make(client).json()
    answer = client.patch(f"/api/groups/{made['group_id']}", json=change)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert client.get(f"/api/groups/{made['group_id']}").json() == made
    assert client.patch(f"/api/groups/{NOBODY}", json={"name": "a"}).status_code == 404
