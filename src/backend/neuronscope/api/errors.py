"""Turns every failure into ``{"error": {code, message, hint}}``; nothing else decides what a failed request answers."""

from __future__ import annotations

import logging

from flask import Flask, Response, request
from pydantic import ValidationError
from werkzeug.exceptions import HTTPException

from neuronscope.api.reply import json_reply
from neuronscope.core.errors import (
    BadRequest,
    InternalError,
    InvalidRequest,
    MethodNotAllowed,
    NeuronScopeError,
    NotFound,
    TooLarge,
    UnsupportedMediaType,
)

log = logging.getLogger("neuronscope.api")

_KINDS = {kind.status: kind for kind in (NotFound, MethodNotAllowed, TooLarge, UnsupportedMediaType)}
UNEXPECTED = InternalError(
    "Something went wrong inside the server.", "The server's log has the details; trying again may help."
).to_dict()


def raise_invalid(failure: ValidationError) -> Response:
    """Raise what pydantic found as one sentence that names the field."""
    problems = failure.errors(include_url=False, include_context=False, include_input=False)
    first = problems[0]
    place = ".".join(str(part) for part in first["loc"])
    reason = first["msg"].removeprefix("Value error, ")
    sentence = f"'{place}': {reason[:1].lower()}{reason[1:]}." if place else f"{reason[:1].upper()}{reason[1:]}."
    hint = f"And {len(problems) - 1} more." if len(problems) > 1 else "The fields are described at /api/docs."
    raise InvalidRequest(sentence, hint) from failure


def register(app: Flask) -> None:
    """Install the handlers on an application."""

    @app.errorhandler(NeuronScopeError)
    def _ours(error: NeuronScopeError) -> Response:
        return json_reply({"error": error.to_dict()}, error.status)

    @app.errorhandler(HTTPException)
    def _http(error: HTTPException) -> Response:
        status = error.code or 500
        messages = {
            404: (f"There is nothing at {request.path[:200]}.", "Every address is listed at /api/docs."),
            405: (f"{request.method} is not possible at {request.path[:200]}.", "See /api/docs."),
        }
        message, hint = messages.get(status, (f"{error.name}.", ""))
        if status >= 500:
            return json_reply({"error": UNEXPECTED}, status)
        kind: type[NeuronScopeError] = _KINDS.get(status, BadRequest)
        answer = json_reply({"error": kind(message, hint).to_dict()}, status)
        for name, value in error.get_headers(request.environ):
            if name == "Allow":
                answer.headers[name] = value
        return answer

    @app.errorhandler(Exception)
    def _unexpected(error: Exception) -> Response:
        log.error("%s %s failed", request.method, request.path, exc_info=error)
        return json_reply({"error": UNEXPECTED}, 500)
