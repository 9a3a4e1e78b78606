"""A repository's own code runs only where a command line named it with its full commit."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import neuronscope as ns
from neuronscope.cli.main import cli
from neuronscope.core.errors import NeuronScopeError, UnsafeModel
from neuronscope.models.loading.loader import load
from neuronscope.models.loading.sources import Sources, folder_source
from support.hub import COMMIT, cache_model, use_cache
from support.tokenizers import save_tiny

ID = "someone/own-code"
CODE = """
from pathlib import Path
from transformers import LlamaForCausalLM, LlamaConfig
Path({mark!r}).write_text("it ran")
class OwnConfig(LlamaConfig):
    model_type = "own"
class OwnModel(LlamaForCausalLM):
    config_class = OwnConfig
"""


@pytest.fixture
def mark(tmp_path: Path) -> Path:
    """A file that exists once the repository's code has run."""
    return tmp_path / "ran"


@pytest.fixture
def folder(tmp_path: Path, mark: Path) -> Path:
    found = save_tiny(tmp_path / "own")
    config = json.loads((found / "config.json").read_text())
    config |= {"model_type": "own", "architectures": ["OwnModel"],
               "auto_map": {"AutoConfig": "modeling_own.OwnConfig", "AutoModelForCausalLM": "modeling_own.OwnModel"}}  # fmt: skip
    (found / "config.json").write_text(json.dumps(config))
    (found / "modeling_own.py").write_text(CODE.format(mark=str(mark)))
    return found


@pytest.fixture
def cached(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    use_cache(monkeypatch, tmp_path / "hub")
    monkeypatch.setattr("transformers.dynamic_module_utils.HF_MODULES_CACHE", str(tmp_path / "modules"))
    return cache_model(tmp_path / "hub", ID, folder)


def test_a_folder_the_cache_and_python_refuse_it(folder: Path, cached: Path, mark: Path) -> None:
    for attempt in (
        lambda: load(folder_source(folder), device="cpu"),
        lambda: load(Sources().find(ID), device="cpu"),
        lambda: ns.load(ID),
        lambda: ns.load(folder),
    ):
        with pytest.raises(UnsafeModel, match="its own Python code"):
            attempt()
    assert not mark.exists()


def test_rest_refuses_it(cached: Path, mark: Path, serve_rest: Callable[..., Any]) -> None:
    with serve_rest() as running:
        answer = running.client.post("/api/models/load", json={"model_id": ID})
        assert (answer.status_code, answer.json()["error"]["code"]) == (422, "unsafe_model")
        named = running.client.post("/api/models/load", json={"model_id": ID, "trust_remote_code": True})
        assert named.status_code == 422
    assert not mark.exists()


@pytest.fixture
def serve_rest(tmp_path: Path) -> Callable[..., Any]:
    from backend.api.conftest import serving
    from neuronscope.api.settings import Settings
    from neuronscope.runtime.workspace import Workspace

    return lambda **fields: serving(Settings(token="t", web=tmp_path, **fields), Workspace(tmp_path / "own-home"))


def test_a_server_that_named_it_lists_and_loads_it(cached: Path, mark: Path, serve_rest: Callable[..., Any]) -> None:
    with serve_rest(trusted=((ID, COMMIT),)) as running:
        listed = {m["model_id"]: m for m in running.client.get("/api/models").json()["models"]}[ID]
        assert (listed["loadable"], listed["revision"]) == (True, COMMIT)
        job = running.wait(running.client.post("/api/models/load", json={"model_id": ID}).json())
        assert job["state"] == "done", job["error"]
    assert mark.exists()


def test_the_command_line_takes_a_full_commit_only(cached: Path, mark: Path) -> None:
    for wrong in ("someone/own-code", "someone/own-code@main", f"own-code@{COMMIT}", f"someone/own-code@{COMMIT[:12]}"):
        result = CliRunner().invoke(cli, ["models", "check", ID, "--remote-code", wrong])
        assert result.exit_code == 2, result.output
    assert not mark.exists()
    other = CliRunner().invoke(cli, ["models", "check", ID, "--remote-code", f"someone/else@{COMMIT}"])
    assert other.exit_code == 2
    assert "its own Python code" in other.output
    assert not mark.exists()
    right = CliRunner().invoke(cli, ["models", "check", ID, "--remote-code", f"{ID}@{COMMIT}"])
    assert right.exit_code == 0, right.output
    assert mark.exists()


def test_code_of_another_repository_is_refused(folder: Path, cached: Path) -> None:
    config = json.loads((cached / "config.json").read_text())
    config["auto_map"]["AutoModelForCausalLM"] = "other/repo--modeling.Model"
    (cached / "config.json").unlink()
    (cached / "config.json").write_text(json.dumps(config))
    with pytest.raises(NeuronScopeError, match="code of another repository"):
        load(Sources(trusted={ID: COMMIT}).find(ID), device="cpu")
