"""The Python interface to what is kept: traces and indexes, by file or by their id in a person's own workspace."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from neuronscope.core.ids import is_id
from neuronscope.runtime.keeping import Keeping
from neuronscope.runtime.workspace import Workspace
from neuronscope.traces.store import Trace

if TYPE_CHECKING:
    from neuronscope.corpus.index import Index


def open_trace(ref: str | Path) -> Trace:
    """Open a ``.trace`` file, or a trace of the default workspace by its id."""
    path = Path(ref)
    if is_id(str(ref), "t") and not path.exists():
        path = Workspace.default().trace_path(str(ref))
    return Trace.open(path)


def open_traces(workspace: Workspace | None = None) -> Keeping:
    """The traces of a workspace, by default the person's own: to list, pin, delete and take in, and to set a limit."""
    return Keeping((workspace or Workspace.default()).traces)


def open_index(ref: str | Path) -> Index:
    """Open an index folder, or an index of the default workspace by its id."""
    from neuronscope.corpus.index import Index

    path = Path(ref)
    if is_id(str(ref), "x") and not path.exists():
        path = Workspace.default().index_path(str(ref))
    return Index.open(path)
