"""Captures and probes: what a prompt does, kept as a trace or told at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from neuronscope.api.schemas.captures import CaptureAnswer, CaptureRequest
from neuronscope.api.schemas.neurons import ProbeAnswer, ProbeRequest
from neuronscope.api.schemas.trace_config import as_given
from neuronscope.api.services import Services
from neuronscope.api.units import place_of, unit_of
from neuronscope.core.capture_config import CaptureConfig
from neuronscope.runtime.keeping import Keeping

if TYPE_CHECKING:
    from neuronscope.models.loaded import LoadedModel
    from neuronscope.traces.store import Trace


def capture(services: Services, body: CaptureRequest) -> CaptureAnswer:
    """Run a prompt on its model's thread and write the trace."""
    config = CaptureConfig.of(None if body.config is None else as_given(body.config), body.points, body.layers)

    def work(loaded: LoadedModel) -> Trace:
        from neuronscope.capture.forward import capture_prompt

        return capture_prompt(loaded, body.prompt, config, services.workspace.traces)

    with services.engine.run(services.present(body.model_id), work) as trace:
        removed = Keeping(services.workspace.traces).tidy()
        return CaptureAnswer.model_validate(
            {
                "trace_id": trace.trace_id,
                "model_id": trace.model_id,
                "tokens": [{"id": t.id, "text": t.text, "special": t.special} for t in trace.tokens],
                "layers": trace.layers,
                "points": trace.points,
                "unavailable": trace.unavailable,
                "top": trace.step(0).top,
                "removed": [one.trace_id for one in removed],
            }
        )


def probe(services: Services, body: ProbeRequest) -> ProbeAnswer:
    """One unit's value on every token of a text; nothing is kept."""
    unit = unit_of(body)

    def work(loaded: LoadedModel) -> ProbeAnswer:
        from neuronscope.capture.forward import run_prompt

        loaded.anatomy.check_unit(unit)
        encoded = loaded.encode(body.text)
        tensors, _ = run_prompt(loaded, encoded, [unit.address])
        return ProbeAnswer(
            model_id=loaded.model_id,
            **place_of(unit),
            tokens=[token.text for token in encoded.tokens],
            special=[token.special for token in encoded.tokens],
            activations=tensors[unit.address][:, unit.index].tolist(),
        )

    return services.engine.run(services.present(body.model_id), work)
