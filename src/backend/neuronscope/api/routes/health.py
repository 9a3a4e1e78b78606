"""Whether the server answers."""

from __future__ import annotations

from flask import Response

from neuronscope.api.reply import reply
from neuronscope.api.routes.common import blueprint
from neuronscope.api.schemas.system import Health
from neuronscope.version import VERSION

api = blueprint("health", "Whether the server answers.")


@api.get("/health", responses={200: Health})
def get_health() -> Response:
    """Say that the server is up, and its version"""
    return reply(Health(status="ok", version=VERSION))
