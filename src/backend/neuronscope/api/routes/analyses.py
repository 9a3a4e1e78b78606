"""Analyses: the registry, and running one. A new analysis needs no change here."""

from __future__ import annotations

from flask import Response

from neuronscope.api.analyses import registry, start_analysis
from neuronscope.api.reply import reply
from neuronscope.api.routes.common import blueprint, services
from neuronscope.api.schemas.analyses import AnalysisList, AnalysisPath, AnalysisRequest
from neuronscope.api.schemas.jobs import JobOut

api = blueprint("analyses", "Clusterings and projections of neurons.")


@api.get("/analyses", responses={200: AnalysisList})
def list_analyses() -> Response:
    """Every analysis with the parameters that it declares"""
    return reply(registry())


@api.post("/analyses/<name>", responses={202: JobOut})
def run_analysis(path: AnalysisPath, body: AnalysisRequest) -> Response:
    """Start an analysis of a trace's or an index sample's activations; the job's result holds the figures"""
    return reply(start_analysis(services(), path.name, body), 202)
