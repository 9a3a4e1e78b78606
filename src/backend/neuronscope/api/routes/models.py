"""Models: listed, loaded, unloaded."""

from __future__ import annotations

from flask import Response

from neuronscope.api import models
from neuronscope.api.reply import reply
from neuronscope.api.routes.common import blueprint, services
from neuronscope.api.schemas.jobs import JobOut
from neuronscope.api.schemas.models import (
    Estimate,
    EstimateQuery,
    LoadRequest,
    ModelList,
    UnloadAnswer,
    UnloadRequest,
)

api = blueprint("models", "Models that can be looked into.")


@api.get("/models", responses={200: ModelList})
def list_models() -> Response:
    """Every model known here: bundled, cached, local, and those of the hub worth starting with"""
    return reply(models.list_models(services()))


@api.get("/models/estimate", responses={200: Estimate})
def estimate_model(query: EstimateQuery) -> Response:
    """What loading a model would take, against what is free; loads nothing"""
    return reply(models.estimate(services(), query))


@api.post("/models/load", responses={202: JobOut})
def load_model(body: LoadRequest) -> Response:
    """Start loading a model; the job's result is its card"""
    return reply(models.start_load(services(), body), 202)


@api.post("/models/unload", responses={200: UnloadAnswer})
def unload_model(body: UnloadRequest) -> Response:
    """Forget a loaded model and free its memory"""
    freed = services().engine.unload(body.model_id)
    return reply(UnloadAnswer(model_id=body.model_id, freed_bytes=freed))
