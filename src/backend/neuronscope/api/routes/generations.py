"""Generations: live runs begun, followed, changed and stopped without a socket."""

from __future__ import annotations

from flask import Response

from neuronscope.api import generations
from neuronscope.api.reply import reply
from neuronscope.api.routes.common import blueprint, services
from neuronscope.api.schemas.live import (
    GenerationList,
    GenerationOut,
    GenerationPath,
    GenerationRequest,
    InterveneBody,
)

api = blueprint("generations", "Live runs. The socket /api/live carries their events; here they are begun and steered.")


@api.post("/generations", responses={201: GenerationOut})
def create_generation(body: GenerationRequest) -> Response:
    """Begin a run and return at once; its trace grows as it goes on, under the same id"""
    return reply(generations.described(generations.begin(services(), body, attended=False)), 201)


@api.get("/generations", responses={200: GenerationList})
def list_generations() -> Response:
    """Runs that wait or run, and the latest that ended; the newest first"""
    return reply(generations.recent(services()))


@api.get("/generations/<trace_id>", responses={200: GenerationOut})
def get_generation(path: GenerationPath) -> Response:
    """One of them as it stands"""
    return reply(generations.described(services().live.get(path.trace_id)))


@api.post("/generations/<trace_id>/stop", responses={200: GenerationOut})
def stop_generation(path: GenerationPath) -> Response:
    """Stop a run before its next step, or take it out of the queue"""
    return reply(generations.stop(services(), path.trace_id))


@api.post("/generations/<trace_id>/interventions", responses={200: GenerationOut})
def intervene(path: GenerationPath, body: InterveneBody) -> Response:
    """Change what is in force from the run's next step on; each step's receipt says what was done"""
    return reply(generations.described(generations.intervene(services(), path.trace_id, body)))
