"""The registry as it is sent, and runs of it: in a process of their own, so that they can be stopped and block nothing."""

from __future__ import annotations

from dataclasses import asdict

from neuronscope.api.reply import job_out
from neuronscope.api.schemas.analyses import AnalysisList, AnalysisRequest
from neuronscope.api.schemas.jobs import JobOut
from neuronscope.api.services import Services
from neuronscope.api.traces import open_trace
from neuronscope.runtime.jobs import JobHandle
from neuronscope.runtime.summaries import Matrix, trace_matrix


def registry() -> AnalysisList:
    """Every analysis with its declared parameters."""
    from neuronscope.analysis.registry import ANALYSES

    return AnalysisList.model_validate({"analyses": [asdict(row) for row in ANALYSES.values()]})


def start_analysis(services: Services, name: str, body: AnalysisRequest) -> JobOut:
    """A job that runs an analysis. Name, parameters and source are checked here and now."""
    from neuronscope.analysis import registry

    parameters = registry.validate(name, body.parameters)
    matrix = _matrix(services, body)

    def work(handle: JobHandle) -> dict[str, object]:
        isolated = services.isolated
        result = isolated.run(registry.run, name, matrix.values, matrix.units, parameters, check=handle.check)
        return {
            "analysis": name,
            "trace_id": body.trace_id,
            "index_id": body.index_id,
            "point": body.point,
            "parameters": parameters,
            "samples": matrix.values.shape[1],
            "result": result,
        }

    title = registry.ANALYSES[name].title
    return job_out(services.jobs.start("analysis", f"{title} of {body.point}", work))


def _matrix(services: Services, body: AnalysisRequest) -> Matrix:
    if body.trace_id is not None:
        with open_trace(services.workspace, body.trace_id) as trace:
            return trace_matrix(trace, body.point, body.layers)
    sample = services.shelf.choose(None, body.index_id).sample(body.layers, body.point)
    return Matrix(sample.units, sample.values)
