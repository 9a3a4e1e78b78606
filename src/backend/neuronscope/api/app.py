"""The Flask application: routes, validation, errors, and its own description."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from flask import Response, request
from flask_openapi.models.info import Info
from flask_openapi.models.security_scheme import SecurityScheme
from flask_openapi.openapi import OpenAPI

from neuronscope.api import docs, errors
from neuronscope.api.reply import json_reply
from neuronscope.api.routes import ALL
from neuronscope.api.schemas.common import ErrorAnswer
from neuronscope.core.errors import BadRequest
from neuronscope.version import VERSION

if TYPE_CHECKING:
    from neuronscope.api.services import Services


def create_app(services: Services | None) -> OpenAPI:
    """The application over the services; without services it can only describe itself."""
    app = OpenAPI(
        "neuronscope.api",
        static_folder=None,
        info=Info(title="NeuronScope", version=VERSION, summary="Look inside a transformer language model."),
        security_schemes={
            "token": SecurityScheme(type="http", scheme="bearer", description="Printed by `neuronscope token`.")
        },
        openapi_extensions={"security": [{"token": []}]},
        validation_error_model=ErrorAnswer,
        validation_error_callback=errors.raise_invalid,
        doc_ui=False,
    )
    # pydantic writes JSON Schema 2020-12, which is what 3.1 holds; more tools read 3.1 than 3.2.
    app.openapi_version = "3.1.0"
    app.extensions["neuronscope"] = services
    errors.register(app)
    app.before_request(_read_body)
    for resource in ALL:
        app.register_api(resource.api)
    app.add_url_rule("/api/openapi.json", view_func=lambda: json_reply(app.api_doc), endpoint="openapi_json")
    app.add_url_rule("/api/docs", view_func=lambda: docs.page(app.api_doc), endpoint="docs")
    return app


def description() -> dict[str, Any]:
    """The OpenAPI document."""
    return create_app(None).api_doc


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _read_body() -> Response | None:
    """Refuse broken JSON before validation, which would otherwise call it a missing body."""
    if not request.is_json or not request.content_length:
        return None
    try:
        body = json.loads(request.get_data(), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as failure:
        raise BadRequest("The body is not valid JSON.", str(failure)[:200]) from failure
    if not isinstance(body, dict):
        raise BadRequest("The body must be a JSON object.", 'For example {"prompt": "Hello"}.')
    return None
