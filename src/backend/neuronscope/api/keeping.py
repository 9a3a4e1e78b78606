"""The keeping of traces as the routes answer it: the list with sizes, pins, the limit, and traces from elsewhere."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from neuronscope.api.schemas.traces import RemovedTrace, TraceEntry, TraceLimitAnswer, TraceList
from neuronscope.runtime.keeping import Keeping, Kept
from neuronscope.runtime.workspace import Workspace


def entries(workspace: Workspace) -> TraceList:
    """All traces, newest first, and what they take. A file that can't be read is left out and logged."""
    keeping = Keeping(workspace.traces)
    return TraceList(
        traces=[_sent(kept) for kept in keeping],
        total_bytes=keeping.total_bytes,
        limit_bytes=keeping.limit_bytes,
        removed=[RemovedTrace.model_validate(asdict(one)) for one in keeping.removed],
    )


def delete(workspace: Workspace, trace_id: str) -> None:
    """Remove a trace."""
    Keeping(workspace.traces).delete(trace_id)


def pin(workspace: Workspace, trace_id: str, pinned: bool) -> TraceEntry:
    """Keep a trace whatever the limit, or not any more."""
    return _sent(Keeping(workspace.traces).pin(trace_id, pinned))


def set_limit(workspace: Workspace, limit: int | None) -> TraceLimitAnswer:
    """Set or take away the limit. Nothing goes yet; what would go is told."""
    keeping = Keeping(workspace.traces)
    keeping.set_limit(limit)
    return TraceLimitAnswer(
        limit_bytes=keeping.limit_bytes, total_bytes=keeping.total_bytes, would_go=keeping.over_limit()
    )


def take_in(workspace: Workspace, arrived: Path) -> TraceEntry:
    """Take in a trace file that arrived; it is moved."""
    return _sent(Keeping(workspace.traces).take_in(arrived, own=True))


def _sent(kept: Kept) -> TraceEntry:
    return TraceEntry.model_validate(asdict(kept))
