"""The machine: processor, memory, GPUs, and whether models can run yet."""

from __future__ import annotations

from flask import Response

from neuronscope.api.machine import describe
from neuronscope.api.reply import reply
from neuronscope.api.routes.common import blueprint, services
from neuronscope.api.schemas.system import System

api = blueprint("system", "The machine that the server runs on.")


@api.get("/system", responses={200: System})
def get_system() -> Response:
    """Processor, memory and GPUs, live"""
    return reply(describe(ready=services().ready))
