from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest


def reference(folder: Path, prompt: str, layer: int) -> np.ndarray:
    """The input of ``down_proj``, taken with a bare forward pre-hook."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    ids = AutoTokenizer.from_pretrained(folder)(prompt, return_tensors="pt")["input_ids"]
    seen: list[torch.Tensor] = []
    model.model.layers[layer].mlp.down_proj.register_forward_pre_hook(lambda module, args: seen.append(args[0]))
    with torch.no_grad():
        model(ids)
    return seen[0][0].numpy()


def tensor(client: httpx.Client, trace_id: str, address: str) -> np.ndarray:
    answer = client.get(f"/api/traces/{trace_id}/tensor", params={"address": address}).json()
    return np.frombuffer(base64.b64decode(answer["data"]), "<f4").reshape(answer["shape"])


def test_a_capture_answers_what_it_kept(trace: dict[str, Any]) -> None:
    assert trace["model_id"] == "local/one"
    assert trace["tokens"][0] == {"id": 0, "text": "<s>", "special": True}
    assert "".join(token["text"] for token in trace["tokens"][1:]) == "Hi there, you"
    assert trace["layers"] == [0, 1]
    assert trace["points"] == ["mlp_act.0", "mlp_act.1", "resid_post.0", "resid_post.1"]
    assert trace["unavailable"] == {}
    assert trace["top"][0]["logprob"] >= trace["top"][1]["logprob"]


def test_neurons_equal_a_bare_hook(client: httpx.Client, trace: dict[str, Any], tiny_models: Path) -> None:
    for layer in (0, 1):
        values = tensor(client, trace["trace_id"], f"mlp_act.{layer}")
        assert np.abs(values - reference(tiny_models / "one", "Hi there, you", layer)).max() <= 1e-6


def test_neurons_of_stories260k_equal_a_bare_hook(serve_with: Any, stories260k: Path) -> None:
    prompt = "Once upon a time, Lily found a blue ball."
    with serve_with(model_dirs=(stories260k.parent,)) as running:
        made = running.client.post("/api/captures", json={"model_id": "local/stories260K", "prompt": prompt}).json()
        for layer in made["layers"]:
            values = tensor(running.client, made["trace_id"], f"mlp_act.{layer}")
            assert np.abs(values - reference(stories260k, prompt, layer)).max() <= 1e-6


def test_points_and_layers_can_be_chosen(client: httpx.Client) -> None:
    body = {"model_id": "local/one", "prompt": "Hi", "points": ["attn_out", "ln_f"], "layers": [1]}
    answer = client.post("/api/captures", json=body)
    assert answer.status_code == 201
    assert answer.json()["points"] == ["attn_out.1", "ln_f"]


def test_values_are_kept_as_the_config_says(client: httpx.Client, trace: dict[str, Any]) -> None:
    config = {
        "quantization": "f16",
        "attention_tier": "full_row",
        "logits_topk": 2,
        "points": ["mlp_act", "attn_weights"],
    }
    answer = client.post("/api/captures", json={"model_id": "local/one", "prompt": "Hi there, you", "config": config})
    assert answer.status_code == 201, answer.text
    made = answer.json()
    assert made["top"] == trace["top"][:2]
    exact, half = (tensor(client, one["trace_id"], "mlp_act.1") for one in (trace, made))
    assert np.array_equal(half, exact.astype(np.float16))
    row = client.get(f"/api/traces/{made['trace_id']}/tensor", params={"address": "attn_weights.0"})
    assert (row.status_code, row.json()["error"]["code"]) == (409, "not_captured")
    heatmap = {"address": "mlp_act.1", "top": 3}
    assert client.get(f"/api/traces/{made['trace_id']}/heatmap", params=heatmap).status_code == 200


@pytest.mark.parametrize(
    ("change", "status", "code", "said"),
    [
        ({"prompt": ""}, 422, "invalid_request", "'prompt'"),
        ({"prompt": "a" * 97}, 413, "too_large", "reads at most 96"),
        ({"prompt": 7}, 422, "invalid_request", "'prompt'"),
        ({"prompt": "\ud800"}, 422, "invalid_request", "'prompt'"),
        ({"prompt": None}, 422, "invalid_request", "'prompt'"),
        ({"layers": [2]}, 400, "bad_address", "Layer 2 is out of range"),
        ({"layers": [-1]}, 400, "bad_address", "Layer -1 is out of range"),
        ({"layers": []}, 422, "invalid_request", "'layers'"),
        ({"layers": "0"}, 422, "invalid_request", "'layers'"),
        ({"points": ["nothing"]}, 400, "bad_address", "no hook point 'nothing'"),
        ({"points": ["mlp_act.9"]}, 400, "bad_address", "out of range"),
        ({"points": ["router"]}, 422, "point_unavailable", "router"),
        ({"points": ["../etc"]}, 400, "bad_address", "not an address"),
        (
            {"config": {"max_bytes_per_step": 1}},
            400,
            "bad_request",
            "takes no max_bytes_per_step: what is asked for is kept",
        ),
        ({"config": {"drop_policy": "drop_layer"}}, 400, "bad_request", "takes no drop_policy"),
        ({"config": {"capture_mode": "tile"}}, 400, "bad_request", "mode 'tile'"),
        ({"config": {"quantization": "f64"}}, 422, "invalid_request", "'config.quantization'"),
        ({"config": {"logits_topk": "3"}}, 422, "invalid_request", "'config.logits_topk'"),
        ({"config": {"logits_topk": 1001}}, 400, "bad_request", "logits_topk can't be 1001"),
        ({"config": {"attention_tier": "summary"}}, 400, "bad_request", "not among the points"),
        ({"config": {"points": ["mlp_act"]}, "points": ["mlp_act"]}, 400, "bad_request", "points are given twice"),
        ({"config": {"points": []}}, 400, "bad_request", "points must be a list"),
        ({"config": {"layers": [2]}}, 400, "bad_address", "Layer 2 is out of range"),
        ({"config": {"form": "f16"}}, 400, "bad_request", "no 'form'"),
        ({"config": "f16"}, 422, "invalid_request", "'config'"),
        ({"promt": "misspelt"}, 422, "invalid_request", "'promt'"),
        ({"model_id": ""}, 422, "invalid_request", "'model_id'"),
    ],
)
def test_bad_captures_are_answered_with_a_sentence(
    client: httpx.Client, change: dict[str, Any], status: int, code: str, said: str
) -> None:
    import json

    before = len(client.get("/api/traces").json()["traces"])
    body = json.dumps({"model_id": "local/one", "prompt": "Hi", **change})
    answer = client.post("/api/captures", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == status, answer.text
    error = answer.json()["error"]
    assert error["code"] == code
    assert said in error["message"]
    assert error["message"].endswith(".")
    assert len(client.get("/api/traces").json()["traces"]) == before


def test_a_full_disk_is_said_and_leaves_nothing(
    client: httpx.Client, server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sqlite3

    from neuronscope.traces import writer as writing

    connect = sqlite3.connect

    def small_disk(*args: Any, **options: Any) -> sqlite3.Connection:
        database = connect(*args, **options)
        database.execute("PRAGMA max_page_count=8")
        return database

    before = sorted(server.services.workspace.traces.iterdir())
    monkeypatch.setattr(writing.sqlite3, "connect", small_disk)
    answer = client.post("/api/captures", json={"model_id": "local/one", "prompt": "a" * 90})
    assert sorted(server.services.workspace.traces.iterdir()) == before
    assert (answer.status_code, answer.json()["error"]["code"]) == (507, "storage_full")
