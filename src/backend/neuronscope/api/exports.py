"""A trace as one file to take away: the trace file itself, NumPy arrays, or JSON; sent in pieces, never held whole."""

from __future__ import annotations

import json
import sqlite3
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Literal

import numpy as np

from neuronscope.core.events import to_map
from neuronscope.runtime.workspace import Workspace, remove, write_guard
from neuronscope.traces.store import Trace

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
        with closing(sqlite3.connect(f"{trace.path.resolve().as_uri()}?mode=ro", uri=True)) as database:
            database.execute("VACUUM INTO ?", (str(copy),))
    return FileChunks(copy, temporary=True)


def _npz(workspace: Workspace, trace: Trace) -> FileChunks:
    path = _temporary(workspace, ".npz")
    with write_guard(path), zipfile.ZipFile(path, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
        for name, values in (
            ("tokens", np.array([token.text for token in trace.tokens])),
            ("token_ids", np.array([token.id for token in trace.tokens])),
            ("special", np.array([token.special for token in trace.tokens])),
            *((address, trace[address]) for address in trace.points),
        ):
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, np.asarray(values), allow_pickle=False)
    return FileChunks(path, temporary=True)


def _json(trace: Trace) -> Iterator[bytes]:
    with trace:
        head = {
            "trace_id": trace.trace_id,
            "model_id": trace.model_id,
            "model_key": trace.model_key,
            "created_at": trace.created_at,
            "prompt": trace.prompt,
            "tokens": [{"id": t.id, "text": t.text, "special": t.special} for t in trace.tokens],
            "steps": [to_map(trace.step(number)) for number in range(trace.step_count)],
        }
        yield json.dumps(head, ensure_ascii=False)[:-1].encode() + b', "tensors": {'
        for number, address in enumerate(trace.points):
            values = trace[address]
            # JSON has no NaN and no infinity.
            plain = np.where(np.isfinite(values), values.astype(object), np.array(None)).tolist()
            entry = json.dumps({"shape": values.shape, "data": plain})
            yield (b", " if number else b"") + f"{json.dumps(address)}: {entry}".encode()
        yield b"}}\n"


def _temporary(workspace: Workspace, suffix: str) -> Path:
    folder = workspace.root / "tmp"
    folder.mkdir(mode=0o700, exist_ok=True)
    descriptor, name = tempfile.mkstemp(suffix=suffix, dir=folder)
    with open(descriptor, "wb"):  # noqa: PTH123 — a descriptor, not a path
        return Path(name)
