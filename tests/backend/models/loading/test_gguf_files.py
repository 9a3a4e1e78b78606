from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from neuronscope.capture.forward import run_prompt
from neuronscope.core.address import Address
from neuronscope.core.errors import BadRequest, CorruptModel, NeuronScopeError, UnsupportedModel
from neuronscope.models import bundled
from neuronscope.models.loaded import LoadedModel
from neuronscope.models.loading.gguf_files import read_gguf
from neuronscope.models.loading.loader import load
from neuronscope.models.loading.sources import BUNDLED_ID, Sources, folder_source
from support.gguf_writer import write_gguf

TEXT = "the capital of france is paris. 12+5=17"


@pytest.fixture(scope="module")
def original() -> LoadedModel:
    return load(Sources().find(BUNDLED_ID), device="cpu")


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_gguf(bundled.folder(), tmp_path_factory.mktemp("gguf") / "tiny.gguf", "Q8_0")


@pytest.mark.parametrize(("kind", "bound"), [("F32", 1e-6), ("F16", 1e-6), ("Q8_0", 0.01)])
def test_neurons_agree_with_the_original_to_the_file_s_precision(
    original: LoadedModel, tmp_path: Path, kind: str, bound: float
) -> None:
    loaded = load(folder_source(write_gguf(bundled.folder(), tmp_path / "tiny.gguf", kind)), device="cpu")
    encoded = original.encode(TEXT)
    assert loaded.encode(TEXT).ids == encoded.ids
    addresses = [Address("mlp_act", layer) for layer in range(4)]
    found, expected = run_prompt(loaded, encoded, addresses)[0], run_prompt(original, encoded, addresses)[0]
    for address in addresses:
        scale = np.abs(expected[address]).max()
        assert np.abs(found[address] - expected[address]).max() <= bound * scale
    assert loaded.key != original.key


def test_a_file_is_listed_with_its_size(file: Path) -> None:
    found = {s.model_id: s for s in Sources((file.parent,)).list()}["local/tiny"]
    assert (found.format, found.family, found.loadable) == ("gguf", "llama", True)
    assert found.parameters == 1516960
    assert found.sizes is not None
    assert (found.sizes.layers, found.sizes.width, found.sizes.mlp, found.sizes.context) == (4, 160, 448, 256)
    assert found.stored_bytes < file.stat().st_size


def test_a_file_is_not_quantized_anew(file: Path) -> None:
    with pytest.raises(BadRequest, match="unpacked as it is loaded"):
        load(folder_source(file), quantization="nf4", device="cpu")


def _truncated(data: bytes) -> bytes:
    return data[: len(data) // 2]


def _in_header(data: bytes) -> bytes:
    return data[:2000]


def _other_magic(data: bytes) -> bytes:
    return b"GGML" + data[4:]


def _old_version(data: bytes) -> bytes:
    return data[:4] + struct.pack("<I", 1) + data[8:]


def _endless_tensors(data: bytes) -> bytes:
    return data[:8] + struct.pack("<Q", 1 << 60) + data[16:]


def _endless_array(_data: bytes) -> bytes:
    key = b"general.tags"
    head = b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + struct.pack("<Q", len(key)) + key
    return head + struct.pack("<IIQ", 9, 4, 1 << 60)


def _endless_text(_data: bytes) -> bytes:
    return b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + struct.pack("<Q", 1 << 62)


def _unknown_kind(data: bytes) -> bytes:
    place = data.index(b"token_embd.weight") + len(b"token_embd.weight") + 4 + 16
    return data[:place] + struct.pack("<I", 999) + data[place + 4 :]


@pytest.mark.parametrize(
    ("damage", "error", "words"),
    [
        (_truncated, CorruptModel, "interrupted download"),
        (_in_header, CorruptModel, "ends within its header|array that can't be read"),
        (_other_magic, CorruptModel, "does not start as one"),
        (_old_version, UnsupportedModel, "version 1"),
        (_endless_tensors, CorruptModel, "more entries"),
        (_endless_array, CorruptModel, "ends within its header"),
        (_endless_text, CorruptModel, "ends within its header"),
        (_unknown_kind, UnsupportedModel, "kind 999"),
    ],
)
def test_hostile_and_damaged_files_are_refused_at_once(
    file: Path, tmp_path: Path, damage: object, error: type[NeuronScopeError], words: str
) -> None:
    bad = tmp_path / "bad.gguf"
    bad.write_bytes(damage(file.read_bytes()))  # type: ignore[operator]
    with pytest.raises(error, match=words):
        read_gguf(bad)
    listed = {s.model_id: s for s in Sources((tmp_path,)).list()}["local/bad"]
    assert not listed.loadable
    assert listed.note
