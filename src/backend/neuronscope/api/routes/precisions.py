"""Precisions: what another precision does to every neuron of a model."""

from __future__ import annotations

from flask import Response

from neuronscope.api import precision
from neuronscope.api.reply import reply, stream
from neuronscope.api.routes.common import binary, blueprint, services
from neuronscope.api.schemas.jobs import JobOut
from neuronscope.api.schemas.precision import (
    PrecisionList,
    PrecisionNeurons,
    PrecisionNeuronsQuery,
    PrecisionPath,
    PrecisionRequest,
    PrecisionSummary,
)
from neuronscope.api.schemas.traces import Deleted
from neuronscope.runtime.comparisons import delete_comparison

api = blueprint("precisions", "What another precision does to every neuron of a model.")


@api.get("/precisions", responses={200: PrecisionList})
def list_precisions() -> Response:
    """All comparisons of two precisions, newest first"""
    return reply(precision.entries(services()))


@api.post("/precisions", responses={202: JobOut})
def compare_precisions(body: PrecisionRequest) -> Response:
    """Start running prompts in two precisions; the job's result names the comparison"""
    return reply(precision.start_comparison(services(), body), 202)


@api.get("/precisions/<comparison_id>", responses={200: PrecisionSummary})
def get_precision(path: PrecisionPath) -> Response:
    """A comparison: losses, layers, and neurons for a scatter"""
    return reply(precision.summary(services(), path.comparison_id))


@api.get("/precisions/<comparison_id>/neurons", responses={200: PrecisionNeurons})
def get_precision_neurons(path: PrecisionPath, query: PrecisionNeuronsQuery) -> Response:
    """A page of the table of neurons, sorted"""
    return reply(precision.neurons(services(), path.comparison_id, query))


@api.get("/precisions/<comparison_id>/export", responses={200: binary("text/csv", "A row per neuron")})
def export_precision(path: PrecisionPath) -> Response:
    """The whole table of neurons as CSV"""
    return stream(precision.as_csv(services(), path.comparison_id), "text/csv", f"{path.comparison_id}.csv")


@api.delete("/precisions/<comparison_id>", responses={200: Deleted})
def delete_precision(path: PrecisionPath) -> Response:
    """Delete a comparison"""
    delete_comparison(services().workspace, path.comparison_id)
    return reply(Deleted(deleted=path.comparison_id))
