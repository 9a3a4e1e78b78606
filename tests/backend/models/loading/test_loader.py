from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import huggingface_hub.errors as hub_errors
import pytest
import torch
from safetensors.torch import load_file, save_file

from neuronscope.core.errors import BadRequest, CorruptModel, InsufficientMemory, NotFound, Offline, UnsupportedModel
from neuronscope.models.loading import hub, memory
from neuronscope.models.loading.loader import load
from neuronscope.models.loading.sources import BUNDLED_ID, Sources, folder_source
from support.families import tiny_model
from support.tokenizers import save_tiny


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return save_tiny(tmp_path / "models" / "tiny")


def test_weights_come_back_as_they_were_stored(folder: Path) -> None:
    loaded = load(folder_source(folder), device="cpu")
    expected = tiny_model("llama").state_dict()
    for name, tensor in loaded.model.state_dict().items():
        assert torch.equal(tensor, expected[name])
    assert (loaded.dtype, str(loaded.device), loaded.context_length) == ("float32", "cpu", 64)


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_dtypes_are_loaded_as_asked_and_make_another_key(folder: Path, dtype: str) -> None:
    loaded = load(folder_source(folder), dtype=dtype, device="cpu")
    assert loaded.dtype == dtype
    assert (loaded.key == load(folder_source(folder), dtype="float32", device="cpu").key) == (dtype == "float32")


def test_overwritten_weights_make_another_key(folder: Path) -> None:
    before = load(folder_source(folder), device="cpu").key
    weights = load_file(folder / "model.safetensors")
    weights["model.norm.weight"][0] += 1
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    assert load(folder_source(folder), device="cpu").key != before


def test_missing_weights_are_refused_not_made_up(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    del weights["model.layers.1.mlp.down_proj.weight"]
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(CorruptModel, match="down_proj"):
        load(folder_source(folder), device="cpu")


def test_weights_of_other_shapes_are_refused(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    weights["model.layers.1.mlp.down_proj.weight"] = torch.zeros(3, 3)
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    words = r"mlp\.down_proj\.weight is \[3, 3\], and config\.json asks for \[32, 48\]\."
    with pytest.raises(CorruptModel, match=words) as caught:
        load(folder_source(folder), device="cpu")
    assert caught.value.hint == "Fetch or save the model anew."


def test_unknown_families_and_missing_tokenizers_are_named(folder: Path) -> None:
    config = folder / "config.json"
    config.write_text(config.read_text().replace('"llama"', '"no_such_family"'))
    with pytest.raises(UnsupportedModel, match="no_such_family"):
        load(folder_source(folder), device="cpu")


def test_wrong_device_and_dtype(folder: Path) -> None:
    with pytest.raises(BadRequest, match="no device 'cuda:7'"):
        load(folder_source(folder), device="cuda:7")
    with pytest.raises(BadRequest, match="int4"):
        load(folder_source(folder), dtype="int4", device="cpu")


def test_what_does_not_fit_is_refused_with_the_numbers(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "free_bytes", lambda _device: 20_000)
    with pytest.raises(InsufficientMemory, match=r"0\.02 MB are free") as caught:
        load(folder_source(folder), device="cpu")
    assert caught.value.status == 409


def test_sources_list_folders_and_tell_same_names_apart(folder: Path, tmp_path: Path) -> None:
    other = save_tiny(tmp_path / "others" / "tiny", seed=1)
    (tmp_path / "others" / "broken").mkdir()
    (tmp_path / "others" / "broken" / "config.json").write_text("{")
    sources = Sources((folder.parent, other.parent))
    listed = {s.model_id: s for s in sources.list()}
    assert listed["local/tiny"].folder == folder
    assert listed["local/tiny~2"].folder == other
    assert not listed["local/broken"].loadable
    assert "config.json" in listed["local/broken"].note
    with pytest.raises(UnsupportedModel, match=r"config\.json"):
        load(sources.find("local/broken"))


@pytest.mark.parametrize(
    "ref", ["local/none", "neuronscope/none", "../etc", "/etc/passwd", "a/b/c", "a\\b", "..", "x;y"]
)
def test_ids_that_are_neither_listed_nor_of_the_hub_are_not_found(ref: str) -> None:
    with pytest.raises(NotFound):
        Sources().find(ref)


def test_without_a_network_the_error_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")

    def offline(*_: object, **__: object) -> str:
        raise hub_errors.LocalEntryNotFoundError("no network, and not in the cache")

    monkeypatch.setattr(hub, "snapshot_download", offline)
    with pytest.raises(Offline, match="the hub can't be reached"):
        load(Sources().find("someone/some-model"))


def test_a_model_that_needs_remote_code_is_refused_by_its_id() -> None:
    with pytest.raises(UnsupportedModel, match="its own Python code"):
        load(Sources().find("Qwen/Qwen-1_8B"))


def test_a_cached_snapshot_loads_offline(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The hub cache's real layout: blobs, a snapshot of links to them, and a ref that names the snapshot."""
    commit = "0123456789abcdef0123456789abcdef01234567"
    root = tmp_path / "hub" / "models--someone--tiny"
    for part in ("blobs", f"snapshots/{commit}", "refs"):
        (root / part).mkdir(parents=True)
    (root / "refs" / "main").write_text(commit)
    for number, file in enumerate(sorted(folder.iterdir())):
        blob = root / "blobs" / f"{number:040x}"
        blob.write_bytes(file.read_bytes())
        (root / "snapshots" / commit / file.name).symlink_to(blob)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("huggingface_hub.utils._cache_manager.HF_HUB_CACHE", str(tmp_path / "hub"), raising=False)
    found = Sources().find("someone/tiny")
    assert found.source == "cache"
    loaded = load(found, device="cpu")
    assert loaded.revision == commit
    assert torch.equal(
        loaded.model.state_dict()["model.norm.weight"], tiny_model("llama").state_dict()["model.norm.weight"]
    )


def test_the_bundled_model_is_listed_first() -> None:
    assert Sources().list()[0].model_id == BUNDLED_ID


def test_models_that_load_at_once_do_not_break_each_other(folder: Path) -> None:
    """transformers loses tied weights where two threads load at once, unless they take turns."""
    sources = [Sources().find(BUNDLED_ID), folder_source(folder)] * 3
    with ThreadPoolExecutor(len(sources)) as pool:
        loaded = list(pool.map(lambda source: load(source, device="cpu"), sources))
    assert len({one.key for one in loaded}) == 2
    tied = loaded[0].model
    assert tied.get_output_embeddings().weight is tied.get_input_embeddings().weight
