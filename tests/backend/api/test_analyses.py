from __future__ import annotations

import time
from typing import Any

import httpx
import pytest


def run(server: Any, name: str, **body: Any) -> dict[str, Any]:
    answer = server.client.post(f"/api/analyses/{name}", json=body)
    assert answer.status_code == 202, answer.text
    job: dict[str, Any] = server.wait(answer.json())
    return job


def test_the_registry_declares_every_parameter(client: httpx.Client) -> None:
    listed = {entry["name"]: entry for entry in client.get("/api/analyses").json()["analyses"]}
    assert {"kmeans", "pca", "tsne"} <= set(listed)
    k = next(parameter for parameter in listed["kmeans"]["parameters"] if parameter["name"] == "k")
    assert (k["kind"], k["minimum"]) == ("int", 2)


def test_pca_of_a_trace_equals_scikit_learns(server: Any, trace: dict[str, Any]) -> None:
    import numpy as np
    from sklearn.decomposition import PCA

    body = {"trace_id": trace["trace_id"], "layers": [1], "parameters": {"normalise": "none"}}
    job = run(server, "pca", **body)
    assert job["state"] == "done", job
    result = job["result"]
    assert (result["analysis"], result["trace_id"], result["point"]) == ("pca", trace["trace_id"], "mlp_act")
    assert result["samples"] == len(trace["tokens"]) - 1
    query = {"address": "mlp_act.1", "top": 24}
    heatmap = server.client.get(f"/api/traces/{trace['trace_id']}/heatmap", params=query).json()
    values = np.zeros((24, len(trace["tokens"])))
    values[heatmap["units"]] = heatmap["values"]
    expected = PCA(2, svd_solver="full").fit_transform(values[:, 1:])
    assert result["result"]["units"] == [f"mlp_act.1:{unit}" for unit in range(24)]
    assert np.allclose(result["result"]["coordinates"], expected, atol=1e-6)


def test_kmeans_over_all_layers_of_a_trace(server: Any, trace: dict[str, Any]) -> None:
    job = run(server, "kmeans", trace_id=trace["trace_id"], parameters={"k": 3})
    assert job["state"] == "done", job
    result = job["result"]
    assert result["parameters"]["k"] == 3
    assert len(result["result"]["clusters"]) == 48
    assert sum(result["result"]["sizes"]) == 48


def test_an_index_sample_can_be_analysed(server: Any) -> None:
    made = server.client.post(
        "/api/indexes", json={"model_id": "local/one", "corpus": "bundled", "documents": 5, "k": 2}
    )
    index_id = server.wait(made.json())["result"]["index_id"]
    job = run(server, "pca", index_id=index_id, layers=[0])
    assert job["state"] == "done", job
    assert job["result"]["samples"] > 100
    refused = server.client.post("/api/analyses/pca", json={"index_id": index_id, "point": "resid_post"})
    assert refused.status_code == 400
    server.client.delete(f"/api/indexes/{index_id}")


@pytest.mark.parametrize(
    ("name", "change", "status"),
    [
        ("nothing", {}, 404),
        ("K-Means!", {}, 422),
        ("kmeans", {"parameters": {"k": 1}}, 400),
        ("kmeans", {"parameters": {"k": "many"}}, 400),
        ("kmeans", {"parameters": {"clusters": 3}}, 400),
        ("kmeans", {"parameters": {"k": [3]}}, 422),
        ("kmeans", {"index_id": "x_" + "0" * 26}, 422),
        ("kmeans", {"trace_id": "t_" + "0" * 26}, 404),
        ("kmeans", {"trace_id": None}, 422),
        ("kmeans", {"trace_id": None, "index_id": "x_" + "0" * 26}, 404),
        ("kmeans", {"point": "mlp_out"}, 409),
        ("kmeans", {"point": "nothing"}, 400),
        ("kmeans", {"layers": [7]}, 409),
    ],
)
def test_bad_requests_are_refused_before_a_job_starts(
    client: httpx.Client, trace: dict[str, Any], name: str, change: dict[str, Any], status: int
) -> None:
    before = len(client.get("/api/jobs").json()["jobs"])
    answer = client.post(f"/api/analyses/{name}", json={"trace_id": trace["trace_id"], **change})
    assert answer.status_code == status, answer.text
    assert len(client.get("/api/jobs").json()["jobs"]) == before


def test_what_the_values_do_not_allow_fails_with_a_sentence(server: Any, trace: dict[str, Any]) -> None:
    job = run(server, "kmeans", trace_id=trace["trace_id"], layers=[0], parameters={"k": 60})
    assert job["state"] == "failed"
    assert job["error"]["code"] == "bad_request"
    assert "k is 60" in job["error"]["message"]


def test_a_running_analysis_is_cancelled_while_it_runs(server: Any) -> None:
    made = server.client.post(
        "/api/indexes", json={"model_id": "local/one", "corpus": "bundled", "documents": 5, "k": 2}
    )
    index_id = server.wait(made.json())["result"]["index_id"]
    body = {"index_id": index_id, "parameters": {"k": 40, "n_init": 50}}
    slow = server.client.post("/api/analyses/kmeans", json=body).json()
    job = slow
    while job["state"] == "queued":
        job = server.client.get(f"/api/jobs/{slow['job_id']}").json()
    begin = time.monotonic()
    server.client.delete(f"/api/jobs/{slow['job_id']}")
    assert server.wait(slow)["state"] == "cancelled"
    assert time.monotonic() - begin < 10
    server.client.delete(f"/api/indexes/{index_id}")
