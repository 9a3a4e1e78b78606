from __future__ import annotations

import errno
import os
import stat
import sys
from pathlib import Path

import pytest

from neuronscope.core.errors import Conflict, NotFound, StorageFull
from neuronscope.runtime.workspace import Workspace, remove, write_guard, write_private

posix = pytest.mark.skipif(sys.platform == "win32", reason="permissions are POSIX's")


def test_home_comes_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEURONSCOPE_HOME", str(tmp_path / "here"))
    workspace = Workspace.default()
    assert workspace.root == tmp_path / "here"
    assert all(folder.is_dir() for folder in (workspace.traces, workspace.indexes, workspace.corpora, workspace.jobs))


def test_without_the_variable_the_platform_decides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NEURONSCOPE_HOME")
    monkeypatch.setattr("platformdirs.user_data_path", lambda *_, **__: tmp_path / "data")
    assert Workspace.default().root == tmp_path / "data"


@posix
def test_folders_are_their_owners_only(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "home")
    for folder in (workspace.root, workspace.traces, workspace.indexes, workspace.corpora, workspace.jobs):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_folder_that_cannot_be_made_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Conflict, match="can't be made"):
        Workspace(tmp_path / "file" / "home")


@pytest.mark.parametrize(
    "text", ["../../etc/passwd", "t_", "x_" + "0" * 26, "t_" + "A" * 26, "t_" + "0" * 26 + "/..", ""]
)
def test_only_an_id_becomes_a_path(tmp_path: Path, text: str) -> None:
    with pytest.raises(NotFound):
        Workspace(tmp_path).trace_path(text)


def test_an_id_becomes_a_path_inside(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    assert workspace.trace_path("t_" + "0" * 26) == workspace.traces / ("t_" + "0" * 26 + ".trace")
    assert workspace.index_path("x_" + "0" * 26).parent == workspace.indexes


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_leaves_nothing_behind(tmp_path: Path, code: int) -> None:
    path = tmp_path / "half.trace"
    companion = tmp_path / "half.trace-wal"
    with pytest.raises(StorageFull), write_guard(path):  # noqa: PT012
        path.write_bytes(b"half")
        companion.write_bytes(b"half")
        raise OSError(code, os.strerror(code))
    assert list(tmp_path.iterdir()) == []


def test_another_failure_comes_as_it_is_and_leaves_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "index"
    with pytest.raises(ZeroDivisionError), write_guard(folder):  # noqa: PT012
        folder.mkdir()
        (folder / "part").write_text("half")
        raise ZeroDivisionError
    assert not folder.exists()


def test_what_is_written_well_stays(tmp_path: Path) -> None:
    with write_guard(tmp_path / "whole") as path:
        path.write_text("all of it")
    assert path.read_text() == "all of it"


@posix
def test_private_files_are_private(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("old")
    path.chmod(0o644)
    write_private(path, "new")
    assert path.read_text() == "new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_removing_what_is_gone_is_no_error(tmp_path: Path) -> None:
    remove(tmp_path / "never")
