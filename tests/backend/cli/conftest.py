from __future__ import annotations

from pathlib import Path

import pytest

from support.commands import good

TEXT = "The cat sat.\n\nA dog ran after the cat.\n\nÜber den Wolken ☃."


@pytest.fixture
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One workspace for the tests of commands, so that an index is built once."""
    folder = tmp_path_factory.getbasetemp() / "cli-home"
    monkeypatch.setenv("NEURONSCOPE_HOME", str(folder))
    return folder


@pytest.fixture
def model(tiny_models: Path) -> str:
    return str(tiny_models / "one")


@pytest.fixture
def corpus(tmp_path: Path) -> str:
    path = tmp_path / "corpus.txt"
    path.write_text(TEXT, encoding="utf-8")
    return str(path)


@pytest.fixture
def index_id(model: str, corpus: str) -> str:
    return str(good("index", "build", corpus, "-m", model, "-k", "4")["index_id"])
