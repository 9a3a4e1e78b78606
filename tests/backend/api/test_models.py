from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from neuronscope.models.loading import memory


def test_models_of_the_named_folder_are_listed(client: httpx.Client) -> None:
    listed = {model["model_id"]: model for model in client.get("/api/models").json()["models"]}
    one = listed["local/one"]
    assert one["source"] == "local"
    assert one["family"] == "llama"
    assert one["loadable"]
    assert one["estimated_bytes"] > 4 * one["parameters"]
    assert listed["openai-community/gpt2"]["source"] == "hub"


def test_loading_is_a_job_whose_result_is_the_card(server: Any) -> None:
    answer = server.client.post("/api/models/load", json={"model_id": "local/two"})
    assert answer.status_code == 202
    job = server.wait(answer.json())
    assert (job["state"], job["model_id"]) == ("done", "local/two")
    card = job["result"]
    assert (card["model_id"], card["layers"], card["d_mlp"], card["vocabulary"]) == ("local/two", 2, 24, 257)
    assert card == server.client.get("/api/models/card", params={"model_id": "local/two"}).json()
    listed = {model["model_id"]: model["loaded"] for model in server.client.get("/api/models").json()["models"]}
    assert listed["local/two"]


def test_a_card_counts_every_parameter_once(client: httpx.Client) -> None:
    card = client.get("/api/models/card", params={"model_id": "local/one"}).json()
    assert sum(part["parameters"] for part in card["parts"]) == card["parameters"]
    points = {point["point"]: point for point in card["points"]}
    assert points["mlp_act"]["layers"] == [0, 1]
    assert points["router"]["refused"]


def test_unloading_frees_and_a_second_time_is_not_found(server: Any) -> None:
    server.wait(server.client.post("/api/models/load", json={"model_id": "local/two"}).json())
    answer = server.client.post("/api/models/unload", json={"model_id": "local/two"})
    assert answer.status_code == 200
    assert answer.json()["freed_bytes"] > 0
    again = server.client.post("/api/models/unload", json={"model_id": "local/two"})
    assert again.status_code == 404
    assert again.json()["error"]["code"] == "not_found"


def test_what_cannot_fit_is_refused_at_once(client: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    client.post("/api/models/unload", json={"model_id": "local/two"})
    monkeypatch.setattr(memory, "free_bytes", lambda device: 10)
    answer = client.post("/api/models/load", json={"model_id": "local/two"})
    assert answer.status_code == 409
    assert answer.json()["error"]["code"] == "insufficient_memory"


@pytest.mark.parametrize("model_id", ["local/none", "neuronscope/none", "../one", "/etc", "local/../one", "a/b/c"])
def test_unknown_models_are_not_found(client: httpx.Client, model_id: str) -> None:
    for answer in (
        client.post("/api/models/load", json={"model_id": model_id}),
        client.get("/api/models/card", params={"model_id": model_id}),
        client.post("/api/captures", json={"model_id": model_id, "prompt": "Hi"}),
        client.post("/api/indexes", json={"model_id": model_id, "corpus": "bundled"}),
    ):
        assert answer.status_code == 404, answer.text
        assert answer.json()["error"]["code"] == "not_found"


def test_a_hub_model_without_network_is_a_failed_job_that_says_so(server: Any) -> None:
    job = server.wait(server.client.post("/api/models/load", json={"model_id": "nobody/nothing-here"}).json())
    assert job["state"] == "failed"
    assert job["error"]["code"] == "offline"


def test_a_prompt_never_fetches_a_model(client: httpx.Client) -> None:
    for answer in (
        client.get("/api/models/card", params={"model_id": "openai-community/gpt2"}),
        client.post("/api/captures", json={"model_id": "nobody/nothing-here", "prompt": "Hi"}),
        client.post("/api/indexes", json={"model_id": "nobody/nothing-here", "corpus": "bundled"}),
        client.post("/api/neurons/activations", json={"model_id": "a", "layer": 0, "unit": 0, "text": "Hi"}),
    ):
        assert answer.status_code == 409, answer.text
        assert "not on this machine" in answer.json()["error"]["message"]


def test_a_model_that_needs_remote_code_is_refused(server: Any) -> None:
    answer = server.client.post("/api/models/load", json={"model_id": "Qwen/Qwen-1_8B"})
    error = answer.json()["error"] if answer.status_code != 202 else server.wait(answer.json())["error"]
    assert error["code"] == "unsafe_model"


@pytest.mark.parametrize(
    ("files", "code"),
    [
        ({}, "unsupported_model"),
        ({"config.json": b"{"}, "corrupt_model"),
        ({"config.json": b'{"model_type": "llama"}', "pytorch_model.bin": b"\x80"}, "unsafe_model"),
        ({"config.json": b'{"model_type": "llama"}', "model.safetensors": b"\xff" * 40}, "corrupt_model"),
    ],
)
def test_bad_folders_are_refused_with_the_reason(
    serve_with: Any, tmp_path: Path, files: dict[str, bytes], code: str
) -> None:
    folder = tmp_path / "models" / "bad"
    folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    with serve_with(model_dirs=(tmp_path / "models",)) as running:
        answer = running.client.post("/api/captures", json={"model_id": "local/bad", "prompt": "Hi"})
        if not files:
            # Without a config.json it is no model at all, so it is not listed either.
            assert answer.status_code == 404
            return
        assert answer.status_code == 422, answer.text
        assert str(tmp_path) not in answer.text
        load = running.client.post("/api/models/load", json={"model_id": "local/bad"})
        assert load.json()["error"]["code"] == code, load.text


def test_an_estimate_answers_without_loading(server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    found = server.client.get("/api/models/estimate", params={"model_id": "openai-community/gpt2"}).json()
    assert found["weights_bytes"] == 124439808 * 4
    assert (found["chosen"], found["fits"], found["message"]) == ("float32", True, "")
    assert [option["precision"] for option in found["options"]] == ["float32", "float16", "bfloat16", "nf4"]
    four = server.client.get(
        "/api/models/estimate", params={"model_id": "openai-community/gpt2", "quantization": "nf4"}
    )
    assert four.json()["bytes"] < found["bytes"]
    assert "openai-community/gpt2" not in server.services.engine.loaded_ids()
    monkeypatch.setattr(memory, "free_bytes", lambda device: 300_000_000)
    short = server.client.get("/api/models/estimate", params={"model_id": "microsoft/phi-2"}).json()
    assert (short["fits"], short["quantization"]) == (False, "none")
    assert "microsoft/phi-2 needs about" in short["message"]
    assert "would fit" in short["hint"]


def test_an_estimate_of_an_unknown_size_says_so(client: httpx.Client) -> None:
    found = client.get("/api/models/estimate", params={"model_id": "nobody/nothing-here"}).json()
    assert (found["chosen"], found["bytes"], found["fits"]) == (None, None, None)
    assert "is not known before it is fetched" in found["message"]


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"quantization": "gptq"}, 422),
        ({"quantization": "int8", "device": "cpu"}, 400),
        ({"modules": {"nonsense": "mlp"}}, 400),
        ({"modules": {"mlp_out": "mlp.down_proj; import os"}}, 422),
        ({"device": "cuda:99"}, 400),
        ({"device": "disk"}, 422),
    ],
)
def test_options_that_make_no_sense_are_refused_before_a_job_starts(
    client: httpx.Client, fields: dict[str, Any], status: int
) -> None:
    answer = client.post("/api/models/load", json={"model_id": "local/one", **fields})
    assert answer.status_code == status, answer.text


def test_a_model_loads_in_four_bits_and_with_modules_named_by_hand(server: Any) -> None:
    body = {"model_id": "local/two", "quantization": "nf4", "modules": {"mlp_out": "mlp.down_proj"}}
    job = server.wait(server.client.post("/api/models/load", json=body).json())
    assert job["state"] == "done", job["error"]
    assert job["title"] == "Load local/two in nf4"
    assert job["progress"]["unit"] == "bytes"
    assert job["progress"]["done"] == job["progress"]["total"] > 10_000
    listed = {model["model_id"]: model for model in server.client.get("/api/models").json()["models"]}
    shown = listed["local/two"]["loaded_as"]
    assert (shown["quantization"], shown["dtype"], shown["device"]) == ("nf4", "float32", "cpu")
    assert listed["local/two"]["quantization"] == "nf4"
    back = {"model_id": "local/two", "quantization": "none"}
    assert server.wait(server.client.post("/api/models/load", json=back).json())["state"] == "done"


def test_a_double_click_is_one_job_and_a_cancelled_load_leaves_nothing(server: Any) -> None:
    from neuronscope.models.turns import never, one_load

    server.client.post("/api/models/unload", json={"model_id": "local/two"})
    with one_load(never):  # another load has its turn
        first = server.client.post("/api/models/load", json={"model_id": "local/two"}).json()
        second = server.client.post("/api/models/load", json={"model_id": "local/two"}).json()
        assert second["job_id"] == first["job_id"]
        server.client.delete(f"/api/jobs/{first['job_id']}")
        assert server.wait(first)["state"] == "cancelled"
    assert "local/two" not in server.services.engine.loaded_ids()
    assert server.wait(server.client.post("/api/models/load", json={"model_id": "local/two"}).json())["state"] == "done"
