"""Jobs: long work with progress, cancel and a result."""

from __future__ import annotations

from typing import Any, Literal

from neuronscope.api.schemas.common import Answer, ErrorBody, Request

JobState = Literal["queued", "running", "done", "failed", "cancelled", "interrupted"]


class Progress(Answer):
    done: float
    total: float | None
    unit: str
    phase: str
    """Of a load: 'fetch' or 'load'; empty for work of one part."""


class JobOut(Answer):
    job_id: str
    kind: str
    title: str
    """One line for a person: 'Index of neuronscope/tiny over bundled'."""
    model_id: str | None
    """The model that it is about: of loads and index builds."""
    state: JobState
    progress: Progress
    created_at: str
    finished_at: str | None
    result: dict[str, Any] | None = None
    error: ErrorBody | None = None


class JobList(Answer):
    jobs: list[JobOut]


class JobPath(Request):
    job_id: str
