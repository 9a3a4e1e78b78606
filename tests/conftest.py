"""Fixtures that all tests share."""

from __future__ import annotations

from pathlib import Path

import pytest

STORIES = Path(__file__).resolve().parents[2] / "shared" / "models" / "stories260K"


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads or writes the workspace of the person who runs it, or asks the network."""
    monkeypatch.setenv("NEURONSCOPE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


@pytest.fixture(scope="session")
def stories260k() -> Path:
    """The folder of the stories260K model; the test is skipped where it is not."""
    if not (STORIES / "config.json").is_file():
        pytest.skip("the stories260K model is not at ../shared/models/stories260K")
    return STORIES
