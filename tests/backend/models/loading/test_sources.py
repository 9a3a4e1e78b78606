from __future__ import annotations

from pathlib import Path

import pytest

import neuronscope as ns
from neuronscope.core.errors import NotFound
from neuronscope.models.loading.sources import Sources, SourcesAndPaths
from support.tokenizers import save_tiny


@pytest.mark.parametrize("ref", ["/nope", "./nope", "../nope", "~/nope", "a/b/c", "nope.gguf", "a\\b", "nope/"])
def test_a_path_to_nothing_is_called_a_path(ref: str) -> None:
    with pytest.raises(NotFound) as caught:
        SourcesAndPaths().find(ref)
    assert caught.value.message == f"There is no folder or file '{ref}'."
    with pytest.raises(NotFound, match="There is no folder or file"):
        ns.load(ref)


def test_a_file_that_is_no_model_is_named(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("…")
    with pytest.raises(NotFound, match=r"notes\.txt' is neither a folder nor a GGUF file"):
        SourcesAndPaths().find(str(tmp_path / "notes.txt"))


def test_a_servers_name_for_a_folder_is_told_to_be_one(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="There is no model 'local/tiny'") as caught:
        SourcesAndPaths().find("local/tiny")
    assert "the path of its folder" in caught.value.hint
    assert "--model-dir" in caught.value.hint
    assert "GET /api" not in caught.value.hint
    folder = save_tiny(tmp_path / "tiny")
    assert SourcesAndPaths((tmp_path,)).find("local/tiny").folder == folder
    assert SourcesAndPaths().find(str(folder)).folder == folder


def test_a_server_says_nothing_about_its_files() -> None:
    with pytest.raises(NotFound, match="There is no model '/etc/passwd'"):
        Sources().find("/etc/passwd")
