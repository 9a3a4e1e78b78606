"""Live runs as the routes and the socket ask for them."""

from __future__ import annotations

from neuronscope.api.schemas.common import ErrorBody
from neuronscope.api.schemas.live import (
    GenerateMessage,
    GenerationList,
    GenerationOut,
    GenerationRequest,
    InterveneBody,
    InterveneMessage,
)
from neuronscope.api.schemas.trace_config import as_given
from neuronscope.api.services import Services
from neuronscope.core.errors import NeuronScopeError
from neuronscope.core.events import Done, Failed
from neuronscope.core.generation import GenerateRequest
from neuronscope.runtime.live_run import LiveRun

NOT_OF_THE_TEXT = {"model_id", "config", "interventions", "pace"}


def begin(services: Services, body: GenerationRequest | GenerateMessage, attended: bool) -> LiveRun:
    """Queue a run. Errors as :meth:`LiveRuns.begin`."""
    request = GenerateRequest.of(body.model_dump(exclude=NOT_OF_THE_TEXT))
    config = None if body.config is None else as_given(body.config)
    changes = [as_given(one) for one in body.interventions]
    return services.live.begin(body.model_id, request, config, changes, attended, body.pace)


def recent(services: Services) -> GenerationList:
    """Runs that wait or run, and the latest that ended; the newest first."""
    return GenerationList(generations=[described(run) for run in services.live.recent()])


def stop(services: Services, trace_id: str) -> GenerationOut:
    """Stop a run before its next step."""
    return described(services.live.stop(trace_id))


def intervene(services: Services, trace_id: str, body: InterveneBody | InterveneMessage) -> LiveRun:
    """Change a run from its next step on. Errors as :meth:`LiveRuns.intervene`."""
    return services.live.intervene(trace_id, [as_given(one) for one in body.interventions], body.replace)


def described(run: LiveRun) -> GenerationOut:
    """A run as it stands."""
    end = run.end
    return GenerationOut(
        trace_id=run.trace_id,
        model_id=run.model_id,
        state=run.state,
        position=run.position,
        steps=run.steps,
        max_new_tokens=run.request.max_new_tokens,
        reason=end.reason if isinstance(end, Done) else None,
        error=ErrorBody(code=end.code, message=end.message, hint=end.hint) if isinstance(end, Failed) else None,
        recording_error=_body(run.recording_error),
    )


def _body(error: NeuronScopeError | None) -> ErrorBody | None:
    return None if error is None else ErrorBody(**error.to_dict())
