"""Answers: JSON, bytes, and streams that leave the worker thread before the client reads them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from flask import Response, request
from pydantic import BaseModel

from neuronscope.api.schemas.jobs import JobOut
from neuronscope.runtime.jobs import Job

STREAM_KEY = "neuronscope.stream"
"""Key of the ASGI scope under which a route leaves an iterable of chunks for the ASGI side to send."""


def reply(model: BaseModel, status: int = 200) -> Response:
    """A model as JSON. NaN and infinities become null, since JSON has no word for them."""
    return Response(model.model_dump_json(), status=status, mimetype="application/json")


def job_out(job: Job) -> JobOut:
    """A job as it is sent."""
    return JobOut.model_validate(job.to_dict())


def json_reply(data: dict[str, Any], status: int = 200) -> Response:
    """Plain data as JSON."""
    return Response(json.dumps(data, ensure_ascii=False), status=status, mimetype="application/json")


@dataclass(frozen=True, slots=True)
class Pause:
    """Stands in a stream between two chunks: the next one is not sent before this moment of the monotonic clock."""

    until: float


def stream(chunks: Iterable[bytes | Pause], mimetype: str, filename: str | None = None) -> Response:
    """An answer of unknown length. Under ASGI only its head goes through Flask, so a slow reader holds no thread."""
    scope = request.environ.get("asgi.scope")
    if scope is None:
        answer = Response((chunk for chunk in chunks if not isinstance(chunk, Pause)), mimetype=mimetype)
    else:
        scope[STREAM_KEY] = chunks
        answer = Response(b"", mimetype=mimetype)
    if filename is not None:
        answer.headers["Content-Disposition"] = f'attachment; filename="{filename}"'
    return answer
