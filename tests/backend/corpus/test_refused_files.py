"""Indexes that are refused when they are opened: manifests that are not sound, files that are missing, cut or of another kind."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from backend.corpus.brute import tiny_llama
from backend.corpus.labelled import change_manifest, labelled
from neuronscope.core.errors import Damaged, NotFound
from neuronscope.corpus.builder import build_index
from neuronscope.corpus.index import Index
from neuronscope.corpus.manifest import Manifest, Settings


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Index:
    folder = tmp_path_factory.mktemp("indexes") / "x"
    return build_index(tiny_llama(), labelled(), folder, k=6, settings=Settings(batch_tokens=90, sample=20))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"format_version": 4}, "format version 4; this program reads up to 3"),
        ({"format_version": 1}, "format version 1, from before"),
        ({"format_version": "1"}, "names no format version"),
        ({"format": "other"}, "not that of an index"),
        ({"k": None}, "no sound 'k'"),
        ({"k": -1}, "no sound 'k'"),
        ({"k": 0}, "contradicts itself"),
        ({"k": 7}, "values.npy"),
        ({"addresses": ["mlp_act.0", 1]}, "no sound 'addresses'"),
        ({"addresses": ["mlp_act.0", "odd"]}, "no sound 'addresses'"),
        ({"addresses": ["mlp_act.0", "ln_f"]}, "no sound 'addresses'"),
        ({"addresses": ["mlp_act.0"]}, "contradicts itself"),
        ({"addresses": ["mlp_act.0"] * 2}, "contradicts itself"),
        ({"units": [12, 13]}, "as its manifest says"),
        ({"documents": 10**15}, "document_windows.npy"),
        ({"created_at": 3}, "no sound 'created_at'"),
        ({"libraries": {"torch": 2}}, "no sound 'libraries'"),
    ],
)
def test_a_manifest_that_is_not_sound_is_refused(
    index: Index, tmp_path: Path, changes: dict[str, object], reason: str
) -> None:
    shutil.copytree(index.folder, tmp_path / "x")
    change_manifest(tmp_path / "x", **changes)
    with pytest.raises(Damaged, match=reason):
        Index.open(tmp_path / "x")


def test_broken_or_missing_files_are_refused(index: Index, tmp_path: Path) -> None:
    arrays = sorted(path.name for path in index.folder.glob("*.npy"))
    assert len(arrays) == 25
    for name in arrays:
        for cut in (True, False):
            if not cut and name == "gram_starts.npy":  # what it tells can be counted
                continue
            folder = tmp_path / f"{name}-{cut}"
            shutil.copytree(index.folder, folder)
            data = (folder / name).read_bytes()
            (folder / name).unlink()
            if cut:
                (folder / name).write_bytes(data[:-1])
            with pytest.raises(Damaged, match=name):
                Index.open(folder)
    for content in (b"", b"[]", b"{", b"\xff", b"[" * 100_000):
        (tmp_path / "m").mkdir(exist_ok=True)
        (tmp_path / "m" / "manifest.json").write_bytes(content)
        with pytest.raises(Damaged):
            Manifest.read(tmp_path / "m")
    with pytest.raises(NotFound, match="no index"):
        Index.open(tmp_path)


@pytest.mark.parametrize(
    ("name", "value"),
    [("keys", 10**9), ("tokens", 257), ("document_windows", 3), ("inverse_starts", 7)],
)
def test_tables_that_point_astray_are_damage_not_a_crash(index: Index, tmp_path: Path, name: str, value: int) -> None:
    shutil.copytree(index.folder, tmp_path / "x")
    array = np.load(tmp_path / "x" / f"{name}.npy")
    array[...] = value
    np.save(tmp_path / "x" / f"{name}.npy", array)
    with pytest.raises(Damaged):
        Index.open(tmp_path / "x").top("mlp_act.0:0")


def test_a_broken_vocabulary_is_damage(index: Index, tmp_path: Path) -> None:
    shutil.copytree(index.folder, tmp_path / "x")
    for content in ("[1]", '{"a": ["x", false]}', '{"5": 3}', "{"):
        (tmp_path / "x" / "vocabulary.json").write_text(content)
        with pytest.raises(Damaged):
            Index.open(tmp_path / "x").tokens("mlp_act.0:0")
