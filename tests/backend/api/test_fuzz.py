"""Schemathesis over every operation: whatever a client sends, the server answers, and answers as it declares."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from neuronscope.api.app import description

OPERATIONS = sum(len(path) for path in description()["paths"].values())
CASES = int(os.environ.get("NEURONSCOPE_FUZZ_CASES", "500"))
CHECKS = (not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance)
schema = schemathesis.openapi.from_dict(description())


numbers = itertools.count()


@dataclass(frozen=True)
class Target:
    """The server under test, and things of each kind that exist there."""

    server: Any
    known: dict[str, str]

    def aim(self, case: Any) -> None:
        """Let every other case name what exists, since a random id never would."""
        if next(numbers) % 2 or case.method == "DELETE":
            return
        for values in (case.path_parameters, case.query, case.body):
            if isinstance(values, dict):
                values.update({name: self.known[name] for name in values if name in self.known})


@pytest.fixture(scope="module")
def target(server: Any) -> Iterator[Target]:
    client = server.client
    trace = client.post("/api/captures", json={"model_id": "local/one", "prompt": "Hi there"}).json()
    units = {"model_id": "local/one", "name": "some", "units": ["mlp_act.1:3", "resid_post.0:2"]}
    group = client.post("/api/groups", json=units).json()
    body = {"model_id": "local/one", "corpus": "bundled", "documents": 3, "k": 2}
    job = server.wait(client.post("/api/indexes", json=body).json())
    yield Target(
        server,
        {
            "trace_id": trace["trace_id"],
            "group_id": group["group_id"],
            "index_id": job["result"]["index_id"],
            "job_id": job["job_id"],
            "model_id": "local/one",
            "address": "mlp_act.1",
            "point": "mlp_act",
            "name": "pca",
            "corpus": "bundled",
        },
    )
    for running in server.services.jobs.list():
        server.services.jobs.cancel(running.job_id)


@schema.parametrize()
@settings(
    max_examples=max(1, -(-CASES // OPERATIONS)),
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.filter_too_much],
)
def test_every_operation_withstands(case: Any, target: Target) -> None:
    target.aim(case)
    headers = dict(target.server.client.headers)
    answer = case.call_and_validate(base_url=target.server.base, headers=headers, checks=list(CHECKS), timeout=20)
    if case.method == "PUT" and case.path == "/api/traces/limit":
        # Or the next capture would remove the traces of all other tests.
        target.server.client.put("/api/traces/limit", json={"bytes": None})
    if case.method == "POST" and case.path == "/api/generations" and answer.status_code == 201:
        # Or the captures to come would wait for it on the model's thread.
        target.server.services.live.stop(answer.json()["trace_id"])
    if answer.status_code == 202:
        # Ten million documents were asked for; that they were accepted is enough.
        target.server.services.jobs.cancel(answer.json()["job_id"])
