"""Models as the routes send them: listed, loaded as a job, and looked up on this machine."""

from __future__ import annotations

from neuronscope.api.cards import model_card
from neuronscope.api.reply import job_out
from neuronscope.api.schemas.jobs import JobOut
from neuronscope.api.schemas.models import LoadRequest, ModelEntry, ModelList
from neuronscope.api.services import Services
from neuronscope.models.memory import estimate_bytes
from neuronscope.runtime.jobs import JobHandle


def list_models(services: Services) -> ModelList:
    """Every model known here, with whether it is loaded."""
    loaded = services.engine.loaded_ids()
    entries = [
        ModelEntry(
            model_id=source.model_id,
            family=source.family,
            parameters=source.parameters,
            category=source.category,
            quantization="none",
            gated=source.gated,
            source=source.source,
            estimated_bytes=None if source.parameters is None else estimate_bytes(source.parameters, "float32"),
            loaded=source.model_id in loaded,
            loadable=source.loadable,
            note=source.note,
        )
        for source in services.engine.sources.list()
    ]
    return ModelList(models=entries)


def start_load(services: Services, body: LoadRequest) -> JobOut:
    """A job that loads a model. What can be refused without loading it is refused here and now."""
    engine = services.engine
    engine.check(body.model_id, dtype=body.dtype, device=body.device)

    def work(handle: JobHandle) -> dict[str, object]:
        handle.progress(0, 1, "model")
        engine.load(body.model_id, revision=body.revision, dtype=body.dtype, device=body.device)
        handle.check()
        handle.progress(1, 1, "model")
        return model_card(services, body.model_id).model_dump(mode="json")

    return job_out(services.jobs.start("load", f"Load {body.model_id}", work, model_id=body.model_id))
