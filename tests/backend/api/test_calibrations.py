"""Calibrations over REST, on a real server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

BODY = {"model_id": "local/two", "text": "The cat sat on the mat.", "per_layer": 2, "bound": 1e-9}
QUERY = {"model_id": "local/two"}


@pytest.fixture
def job(server: Any) -> Iterator[dict[str, Any]]:
    answer = server.client.post("/api/calibrations", json=BODY)
    assert answer.status_code == 202, answer.text
    yield server.wait(answer.json())
    server.client.delete("/api/calibrations", params=QUERY)


def test_the_job_says_what_is_kept(server: Any, client: httpx.Client, job: dict[str, Any]) -> None:
    assert job["state"] == "done", job
    assert (job["kind"], job["model_id"], job["progress"]["unit"]) == ("calibration", "local/two", "units")
    found = job["result"]
    assert job["progress"]["done"] == job["progress"]["total"] == found["tested"] == 8
    assert found["units"] == 2 * (24 + 16)
    assert found["protected"]
    assert all(one["rise"] > 1e-9 for one in found["protected"])
    assert client.get("/api/calibrations", params=QUERY).json() == found
    assert client.get("/api/calibrations/kept", params=QUERY).json() == {"calibration": found}
    kept = server.services.engine.run("local/two", lambda loaded: loaded.key)
    assert found["model_key"] == kept


def test_a_forgotten_calibration_is_gone(client: httpx.Client, job: dict[str, Any]) -> None:
    assert client.delete("/api/calibrations", params=QUERY).json() == {"forgotten": "local/two"}
    for gone in (client.get("/api/calibrations", params=QUERY), client.delete("/api/calibrations", params=QUERY)):
        assert (gone.status_code, gone.json()["error"]["code"]) == (404, "not_found")
        assert "not been calibrated" in gone.json()["error"]["message"]
    none = client.get("/api/calibrations/kept", params=QUERY)
    assert (none.status_code, none.json()) == (200, {"calibration": None})


def test_of_a_model_that_is_not_there_nothing_is_kept_either(client: httpx.Client) -> None:
    answer = client.get("/api/calibrations/kept", params={"model_id": "local/three"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")


def test_the_same_wish_is_one_job_and_it_can_be_cancelled(server: Any, client: httpx.Client) -> None:
    body = {"model_id": "local/two", "corpus": "bundled", "documents": 1000, "per_layer": None}
    first, second = (client.post("/api/calibrations", json=body).json() for _ in range(2))
    assert first["job_id"] == second["job_id"]
    client.delete(f"/api/jobs/{first['job_id']}")
    assert server.wait(first)["state"] == "cancelled"
    assert client.get("/api/calibrations", params=QUERY).status_code == 404


@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [
        ({"corpus": "bundled"}, 400, "bad_request"),
        ({"text": ""}, 422, "invalid_request"),
        ({"bound": 0}, 422, "invalid_request"),
        ({"per_layer": 0}, 422, "invalid_request"),
        ({"model_id": "local/three"}, 404, "not_found"),
        ({"text": None, "corpus": "local/nowhere"}, 404, "not_found"),
        ({"text": None, "corpus": "../secrets"}, 422, "invalid_request"),
    ],
)
def test_what_can_not_be_asked_is_refused_at_once(
    client: httpx.Client, fields: dict[str, Any], status: int, code: str
) -> None:
    answer = client.post("/api/calibrations", json={**BODY, **fields})
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


@pytest.mark.parametrize(
    ("points", "status", "code"),
    [(["mlp_pre"], 422, "point_unavailable"), (["mlp_act.0", "mlp_act.7"], 400, "bad_address")],
)
def test_what_the_model_lacks_is_refused_at_once_where_it_is_loaded(
    server: Any, client: httpx.Client, points: list[str], status: int, code: str
) -> None:
    server.services.engine.load("local/two")
    before = client.get("/api/jobs").json()
    answer = client.post("/api/calibrations", json={**BODY, "points": points})
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert client.get("/api/jobs").json() == before


def test_what_the_model_lacks_is_the_jobs_error_where_it_is_not_loaded(server: Any, client: httpx.Client) -> None:
    server.services.engine.load("local/two")
    server.services.engine.unload("local/two")
    job = server.wait(client.post("/api/calibrations", json={**BODY, "points": ["mlp_pre"]}).json())
    assert (job["state"], job["error"]["code"]) == ("failed", "point_unavailable")


def test_a_live_run_that_would_change_a_protected_unit_says_so(
    server: Any, client: httpx.Client, job: dict[str, Any]
) -> None:
    unit = job["result"]["protected"][0]["unit"]
    group = client.post("/api/groups", json={"model_id": "local/two", "name": "critical", "units": [unit]}).json()
    asked = {"model_id": "local/two", "prompt": "Hi", "max_new_tokens": 2}
    change = {"group_id": group["group_id"], "op": "ablate_zero"}
    refused = client.post("/api/generations", json={**asked, "interventions": [change]})
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "protected_unit")
    assert unit in refused.json()["error"]["message"]

    known = {**change, "override_protection": True}
    begun = client.post("/api/generations", json={**asked, "interventions": [known]})
    assert begun.status_code == 201, begun.text
    run = server.services.live.get(begun.json()["trace_id"])
    assert run.finished.wait(30)
    assert client.get(f"/api/generations/{run.trace_id}").json()["reason"] == "length"
