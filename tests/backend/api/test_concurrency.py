"""Several people at once get what each would get alone."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

PROMPTS = [f"Prompt {number}: " + "the cat sat on the mat "[: 3 + number] for number in range(20)]


def captured(client: httpx.Client, model_id: str, prompt: str) -> list[bytes]:
    """The bytes of every tensor of a capture, and its tokens."""
    body = {"model_id": model_id, "prompt": prompt, "points": ["mlp_act", "resid_post", "attn_weights", "logits"]}
    made = client.post("/api/captures", json=body)
    assert made.status_code == 201, made.text
    trace = made.json()
    raw = {"Accept": "application/octet-stream"}
    found = [str(trace["tokens"]).encode()]
    for address in trace["points"]:
        answer = client.get(f"/api/traces/{trace['trace_id']}/tensor", params={"address": address}, headers=raw)
        found.append(answer.content)
    return found


@pytest.mark.parametrize("models", [("local/one",), ("local/one", "local/two")], ids=["one model", "two models"])
def test_twenty_at_once_equal_each_alone(server: Any, models: tuple[str, ...]) -> None:
    asked = [(models[number % len(models)], prompt) for number, prompt in enumerate(PROMPTS)]
    alone = [captured(server.client, *one) for one in asked]
    with ThreadPoolExecutor(20) as people:
        together = list(people.map(lambda one: captured(server.client, *one), asked))
    assert together == alone
    assert len({tuple(one) for one in alone}) == len(asked)


def test_a_model_loads_once_for_all_who_ask(server: Any) -> None:
    server.client.post("/api/models/unload", json={"model_id": "local/two"})
    with ThreadPoolExecutor(8) as people:
        found = list(people.map(lambda _: captured(server.client, "local/two", "Hi"), range(8)))
    assert all(one == found[0] for one in found)


def test_captures_go_on_while_an_index_is_built(server: Any) -> None:
    job = server.client.post(
        "/api/indexes", json={"model_id": "local/one", "corpus": "bundled", "documents": 3000}
    ).json()
    assert captured(server.client, "local/one", "Hi") == captured(server.client, "local/one", "Hi")
    assert server.client.get(f"/api/jobs/{job['job_id']}").json()["state"] == "running"
    server.client.delete(f"/api/jobs/{job['job_id']}")
    assert server.wait(job)["state"] == "cancelled"
