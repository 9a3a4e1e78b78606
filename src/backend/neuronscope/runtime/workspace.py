"""Where everything lies that the program keeps. Each path is made from a checked id, never from a client's text."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from neuronscope.core.errors import Conflict
from neuronscope.core.ids import check_id
from neuronscope.core.storage import full_disk_named

HOME_VARIABLE = "NEURONSCOPE_HOME"


class Workspace:
    """A folder with one subfolder per kind of thing, readable by its owner only.

    Raises :class:`Conflict` where the folder can't be made.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.traces = root / "traces"
        self.indexes = root / "indexes"
        self.corpora = root / "corpora"
        self.jobs = root / "jobs"
        self.precisions = root / "precisions"
        self.groups = root / "groups"
        self.calibrations = root / "calibrations"
        self.token_file = root / "server.json"
        kept = (self.traces, self.indexes, self.corpora, self.jobs, self.precisions, self.groups, self.calibrations)
        for folder in (root, *kept):
            try:
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            except OSError as failure:
                raise Conflict(
                    f"The folder {folder} can't be made: {failure.strerror}.",
                    f"Set {HOME_VARIABLE} to a folder that you may write to.",
                ) from failure

    @classmethod
    def default(cls) -> Workspace:
        """The folder that ``NEURONSCOPE_HOME`` names, else the platform's place for a user's data."""
        named = os.environ.get(HOME_VARIABLE)
        if named:
            return cls(Path(named).expanduser().resolve())
        from platformdirs import user_data_path

        return cls(user_data_path("neuronscope", appauthor=False))

    def trace_path(self, trace_id: str) -> Path:
        """The file of a trace; :class:`~neuronscope.core.errors.NotFound` where the text is no trace's id."""
        return self.traces / f"{check_id(trace_id, 't')}.trace"

    def index_path(self, index_id: str) -> Path:
        """The folder of an index; :class:`~neuronscope.core.errors.NotFound` where the text is no index's id."""
        return self.indexes / check_id(index_id, "x")

    def precision_path(self, comparison_id: str) -> Path:
        """The folder of a comparison of two precisions; :class:`NotFound` where the text is no such id."""
        return self.precisions / check_id(comparison_id, "p")

    def group_path(self, group_id: str) -> Path:
        """The file of a group; :class:`NotFound` where the text is no group's id."""
        return self.groups / f"{check_id(group_id, 'g')}.json"


@contextlib.contextmanager
def write_guard(path: Path) -> Iterator[Path]:
    """Write ``path`` (a file or a folder) inside; if that fails, what is half written is removed.

    A full disk is raised as :class:`StorageFull`, everything else as it came.
    """
    try:
        with full_disk_named():
            yield path
    except BaseException:
        remove(path)
        raise


def remove(path: Path) -> None:
    """Remove a folder, or a file with what SQLite keeps beside it; what is gone already is no error."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
        return
    # SQLite's companions would outlive the file they belong to.
    for name in (path.name, f"{path.name}-wal", f"{path.name}-shm", f"{path.name}-journal"):
        path.with_name(name).unlink(missing_ok=True)


def write_private(path: Path, text: str) -> None:
    """Replace a small file in one step; nobody but its owner can read it, not even for a moment."""
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    with write_guard(partial):
        partial.unlink(missing_ok=True)
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        partial.replace(path)
