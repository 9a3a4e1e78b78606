"""What REST says of a neuron is what a bare hook on Hugging Face's own module takes, on every model at hand."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM

from neuronscope.models.loading.sources import BUNDLED_ID, Sources
from support.families import FAMILIES, bare_neurons
from support.tokenizers import save_tiny

NAMED = [f for f in FAMILIES if f not in ("olmo2", "granite")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    parent = tmp_path_factory.mktemp("families")
    for family in NAMED:
        save_tiny(parent / family, family)
    return parent


def _tensor(answer: dict[str, Any]) -> np.ndarray:
    assert answer["dtype"] == "float32"
    return np.frombuffer(base64.b64decode(answer["data"]), "<f4").reshape(answer["shape"])


def _check(client: Any, model_id: str, folder: Path, family: str, prompt: str) -> None:
    capture = client.post("/api/captures", json={"model_id": model_id, "prompt": prompt, "points": ["mlp_act"]})
    assert capture.status_code == 201, capture.text
    trace = capture.json()
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    ids = torch.tensor([[token["id"] for token in trace["tokens"]]])
    assert len(trace["layers"]) == model.config.num_hidden_layers
    for layer in trace["layers"]:
        url = f"/api/traces/{trace['trace_id']}/tensor"
        found = _tensor(client.get(url, params={"address": f"mlp_act.{layer}"}).json())
        expected = bare_neurons(model, family, ids, layer).numpy()
        assert found.shape == expected.shape
        assert np.abs(found - expected).max() <= 1e-6
        assert expected.std() > 0


@pytest.fixture(scope="module")
def families_client(folder: Path, stories_or_none: Path | None, own_server: Callable[..., Any]) -> Iterator[Any]:
    dirs = (folder,) if stories_or_none is None else (folder, stories_or_none.parent)
    with own_server(model_dirs=dirs) as running:
        yield running.client


@pytest.fixture(scope="module")
def stories_or_none() -> Path | None:
    folder = Path(__file__).resolve().parents[4] / "shared" / "models" / "stories260K"
    return folder if (folder / "config.json").is_file() else None


@pytest.fixture(scope="module")
def own_server(page_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Any]:
    from backend.api.conftest import serving  # the fixture there is for one test only
    from neuronscope.api.settings import Settings
    from neuronscope.runtime.workspace import Workspace

    return lambda **fields: serving(Settings(web=page_folder, **fields), Workspace(tmp_path_factory.mktemp("home")))


@pytest.mark.parametrize("family", NAMED)
def test_every_named_family(families_client: Any, folder: Path, family: str) -> None:
    _check(families_client, f"local/{family}", folder / family, family, "Hello, 42 cats!")


def test_the_trained_stories_model(families_client: Any, stories260k: Path) -> None:
    prompt = "Once upon a time, there was a little girl named Lily."
    _check(families_client, "local/stories260K", stories260k, "llama", prompt)


def test_the_bundled_model(families_client: Any) -> None:
    bundled = Sources().find(BUNDLED_ID).folder
    assert bundled is not None
    _check(families_client, BUNDLED_ID, bundled, "llama", "23 + 45 = 68. The capital of France is Paris.")
