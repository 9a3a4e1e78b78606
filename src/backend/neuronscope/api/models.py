"""Models as the routes send them: listed, weighed, loaded as a job."""

from __future__ import annotations

from typing import TYPE_CHECKING

from neuronscope.api.cards import model_card
from neuronscope.api.reply import job_out
from neuronscope.api.schemas.jobs import JobOut
from neuronscope.api.schemas.models import (
    Estimate,
    EstimateQuery,
    LoadedAs,
    LoadRequest,
    ModelEntry,
    ModelList,
    Need,
)
from neuronscope.api.services import Services
from neuronscope.models.choice import Choice, choose
from neuronscope.models.devices import known_device
from neuronscope.runtime.jobs import JobHandle

if TYPE_CHECKING:
    from neuronscope.models.loaded import LoadedModel
    from neuronscope.models.sources import ModelSource


def list_models(services: Services) -> ModelList:
    """Every model known here, with whether it is loaded and what it would take."""
    loaded = services.engine.loaded()
    device = known_device()
    found = services.engine.sources.list()
    return ModelList(models=[_entry(source, loaded.get(source.model_id), device) for source in found])


def _entry(source: ModelSource, loaded: LoadedModel | None, device: str) -> ModelEntry:
    choice = None if source.sizes is None else choose(source.sizes, device=device)
    return ModelEntry.model_validate(
        {
            "model_id": source.model_id,
            "family": source.family,
            "parameters": source.parameters,
            "category": source.category,
            "quantization": "none" if loaded is None else loaded.quantization,
            "gated": source.gated,
            "recommended": source.recommended,
            "source": source.source,
            "format": source.format,
            "context_length": source.sizes and source.sizes.context,
            "revision": source.revision,
            "stored_bytes": source.stored_bytes,
            "estimated_bytes": choice and choice.demand.bytes,
            "needs": [] if choice is None else _needs(choice),
            "loaded": loaded is not None,
            "loaded_as": None if loaded is None else _loaded_as(loaded),
            "loadable": source.loadable,
            "note": source.note,
        }
    )


def _loaded_as(loaded: LoadedModel) -> LoadedAs:
    parity = loaded.parity
    return LoadedAs.model_validate(
        {
            "dtype": loaded.dtype,
            "quantization": loaded.quantization,
            "device": str(loaded.device),
            "weight_bytes": loaded.weight_bytes,
            "parity": None if parity is None else "holds" if parity.holds else "fails",
            "parity_difference": parity and parity.largest_absolute,
        }
    )


def _needs(choice: Choice) -> list[Need]:
    return [
        Need.model_validate({"precision": one.precision, "bytes": one.bytes, "fits": one.bytes <= choice.free})
        for one in choice.options
    ]


def estimate(services: Services, query: EstimateQuery) -> Estimate:
    """What loading would take, without loading; answers in well under a second."""
    found = services.engine.estimate(
        query.model_id, revision=query.revision, dtype=query.dtype, quantization=query.quantization, device=query.device
    )
    choice, error = found.choice, found.refusal
    need = None if choice is None else choice.demand
    return Estimate.model_validate(
        {
            "model_id": query.model_id,
            "device": found.device,
            "free_bytes": found.free,
            "chosen": need and need.precision,
            "dtype": choice and choice.dtype,
            "quantization": choice and choice.quantization,
            "context": found.context,
            "fits": choice and choice.fits,
            "weights_bytes": need and need.weights,
            "cache_bytes": need and need.cache,
            "capture_bytes": need and need.capture,
            "bytes": need and need.bytes,
            "options": [] if choice is None else _needs(choice),
            "message": found.message if error is None else error.message,
            "hint": found.hint if error is None else error.hint,
        }
    )


def start_load(services: Services, body: LoadRequest) -> JobOut:
    """A job that loads a model. What can be refused without loading it is refused here and now."""
    engine = services.engine
    engine.check(body.model_id, dtype=body.dtype, quantization=body.quantization, device=body.device)

    def work(handle: JobHandle) -> dict[str, object]:
        handle.progress(0, 1, "model")
        engine.load(body.model_id, revision=body.revision, dtype=body.dtype, device=body.device)
        handle.check()
        handle.progress(1, 1, "model")
        return model_card(services, body.model_id).model_dump(mode="json")

    return job_out(services.jobs.start("load", f"Load {body.model_id}", work, model_id=body.model_id))
