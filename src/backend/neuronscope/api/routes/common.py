"""What the route files share: a blueprint with the error answers declared, and the services."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from flask import current_app
from flask_openapi.blueprint import APIBlueprint
from flask_openapi.models.tag import Tag

from neuronscope.api.schemas.common import ErrorAnswer

if TYPE_CHECKING:
    from neuronscope.api.services import Services

_FAILURES: dict[str | int, Any] = {"422": ErrorAnswer, "4XX": ErrorAnswer, "5XX": ErrorAnswer}


def blueprint(name: str, doc: str) -> APIBlueprint:
    """A blueprint under ``/api`` whose operations carry the tag ``name`` and are named after their functions."""
    return APIBlueprint(
        name,
        __name__,
        url_prefix="/api",
        abp_tags=[Tag(name=name, description=doc)],
        abp_responses=dict(_FAILURES),
        operation_id_callback=_operation_id,
    )


def _operation_id(*, name: str, path: str, method: str) -> str:
    return name


def binary(mimetype: str, doc: str, *others: str) -> dict[str, Any]:
    """Declaration of an answer that is bytes, of one of several kinds."""
    schema = {"type": "string", "format": "binary"}
    return {"description": doc, "content": {kind: {"schema": dict(schema)} for kind in (mimetype, *others)}}


def services() -> Services:
    """The services of the running application."""
    return cast("Services", current_app.extensions["neuronscope"])
