"""Captures: a prompt run once with taps."""

from __future__ import annotations

from flask import Response

from neuronscope.api.captures import capture
from neuronscope.api.reply import reply
from neuronscope.api.routes.common import blueprint, services
from neuronscope.api.schemas.captures import CaptureAnswer, CaptureRequest

api = blueprint("captures", "Run a prompt once and keep what the taps saw.")


@api.post("/captures", responses={201: CaptureAnswer})
def create_capture(body: CaptureRequest) -> Response:
    """Run a prompt and record the points asked for in a trace"""
    return reply(capture(services(), body), 201)
