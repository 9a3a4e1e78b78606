from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from neuronscope.core.errors import CorruptModel, NeuronScopeError, UnsafeModel, UnsupportedModel
from neuronscope.models.loading.files import check_folder
from support.families import tiny_model
from support.tokenizers import save_tiny


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return save_tiny(tmp_path / "model")


def test_sizes_are_read_from_headers_alone(folder: Path) -> None:
    files = check_folder(folder)
    model = tiny_model("llama")
    assert files.parameters == sum(p.numel() for p in model.parameters())
    assert files.stored_bytes == files.parameters * 4
    assert files.family == "llama"


def _no_config(folder: Path) -> None:
    (folder / "config.json").unlink()


def _broken_config(folder: Path) -> None:
    (folder / "config.json").write_text("{not json")


def _list_config(folder: Path) -> None:
    (folder / "config.json").write_text("[]")


def _remote_code(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    config["auto_map"] = {"AutoModelForCausalLM": "evil.Model"}
    (folder / "config.json").write_text(json.dumps(config))


def _no_weights(folder: Path) -> None:
    (folder / "model.safetensors").unlink()


def _pickle(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


def _truncated(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1000])


def _empty(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(b"")


def _long_header(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", 1 << 60) + b"{}")


def _noise(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", 8) + b"\xff" * 100)


def _overlapping(folder: Path) -> None:
    header = json.dumps({"w": {"dtype": "F32", "shape": [1000], "data_offsets": [0, 8]}}).encode()
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + b"\0" * 8)


def _missing_shard(folder: Path) -> None:
    index = {"weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}}
    (folder / "model.safetensors").rename(folder / "model-00001-of-00002.safetensors")
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


def _shard_outside(folder: Path) -> None:
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"a": "../model.safetensors"}}))


@pytest.mark.parametrize(
    ("damage", "error", "words"),
    [
        (_no_config, UnsupportedModel, "no config.json"),
        (_broken_config, CorruptModel, "config.json"),
        (_list_config, CorruptModel, "not a JSON object"),
        (_remote_code, UnsafeModel, "its own Python code"),
        (_no_weights, CorruptModel, "no weights"),
        (_pickle, UnsafeModel, "pickle"),
        (_truncated, CorruptModel, "interrupted download"),
        (_empty, CorruptModel, "shorter than a header"),
        (_long_header, CorruptModel, "longer than the file"),
        (_noise, CorruptModel, "not JSON"),
        (_overlapping, CorruptModel, "outside of the file"),
        (_missing_shard, CorruptModel, "model-00002-of-00002"),
        (_shard_outside, CorruptModel, "incomplete"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_loaded(
    folder: Path, damage: Callable[[Path], None], error: type[NeuronScopeError], words: str
) -> None:
    damage(folder)
    with pytest.raises(error, match=words):
        check_folder(folder)


@pytest.mark.parametrize("method", ["gptq", "awq", "fp8"])
def test_weights_quantized_by_what_cannot_be_run_are_refused_by_name(folder: Path, method: str) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(
        json.dumps({**config, "quantization_config": {"quant_method": method, "bits": 4}})
    )
    with pytest.raises(UnsupportedModel, match=f"quantized by {method}, which can't be run here"):
        check_folder(folder)
