from __future__ import annotations

from typing import Any

import httpx
import pytest


def test_a_job_is_listed_without_and_fetched_with_its_result(server: Any) -> None:
    job = server.wait(server.client.post("/api/models/load", json={"model_id": "local/one"}).json())
    assert job["result"]["model_id"] == "local/one"
    listed = server.client.get("/api/jobs").json()["jobs"]
    entry = next(entry for entry in listed if entry["job_id"] == job["job_id"])
    assert entry == {**job, "result": None}
    ids = [entry["job_id"] for entry in listed]
    assert ids == sorted(ids, reverse=True)


def test_cancelling_what_is_done_changes_nothing(server: Any) -> None:
    job = server.wait(server.client.post("/api/models/load", json={"model_id": "local/one"}).json())
    assert server.client.delete(f"/api/jobs/{job['job_id']}").json()["state"] == "done"


@pytest.mark.parametrize("job_id", ["j_" + "0" * 26, "x", "..%2fserver", "t_" + "0" * 26])
def test_unknown_jobs(client: httpx.Client, job_id: str) -> None:
    assert client.get(f"/api/jobs/{job_id}").status_code == 404
    assert client.delete(f"/api/jobs/{job_id}").status_code == 404
