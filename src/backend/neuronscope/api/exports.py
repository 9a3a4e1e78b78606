"""A trace as one file to take away: the trace file itself, NumPy arrays, or JSON; sent in pieces, never held whole."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from neuronscope.runtime.workspace import Workspace, remove, write_guard
from neuronscope.traces.store import Trace
from neuronscope.traces.transfer import copy_file, json_chunks, write_npz

Format = Literal["trace", "npz", "json"]
_CHUNK = 256 * 1024


class FileChunks:
    """The bytes of a file, piece by piece; a temporary one is removed when it is closed, read or not."""

    def __init__(self, path: Path, *, temporary: bool) -> None:
        self._file = path.open("rb")
        self._path = path if temporary else None

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        chunk = self._file.read(_CHUNK)
        if not chunk:
            self.close()
            raise StopIteration
        return chunk

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()
        if self._path is not None:
            remove(self._path)


def export(workspace: Workspace, trace_id: str, kind: Format) -> tuple[Iterator[bytes], str, str]:
    """Chunks, media type and file name of a trace in a format. A missing trace is raised before the first chunk."""
    trace = Trace.open(workspace.trace_path(trace_id))
    if kind == "json":
        return _json(trace), "application/json", f"{trace_id}.json"
    with trace:
        if kind == "npz":
            return _npz(workspace, trace), "application/zip", f"{trace_id}.npz"
        return _file(workspace, trace), "application/vnd.sqlite3", f"{trace_id}.trace"


def _file(workspace: Workspace, trace: Trace) -> FileChunks:
    if trace.closed:
        return FileChunks(trace.path, temporary=False)
    # A run that is still going on: a consistent copy of what is committed.
    copy = _temporary(workspace, ".trace")
    with write_guard(copy):
        copy.unlink()
        copy_file(trace, copy)
    return FileChunks(copy, temporary=True)


def _npz(workspace: Workspace, trace: Trace) -> FileChunks:
    path = _temporary(workspace, ".npz")
    with write_guard(path), path.open("wb") as file:
        write_npz(trace, file)
    return FileChunks(path, temporary=True)


def _json(trace: Trace) -> Iterator[bytes]:
    with trace:
        yield from json_chunks(trace)


def _temporary(workspace: Workspace, suffix: str) -> Path:
    folder = workspace.root / "tmp"
    folder.mkdir(mode=0o700, exist_ok=True)
    descriptor, name = tempfile.mkstemp(suffix=suffix, dir=folder)
    with open(descriptor, "wb"):  # noqa: PTH123 — a descriptor, not a path
        return Path(name)
