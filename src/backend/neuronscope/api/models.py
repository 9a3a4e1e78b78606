"""Models as the routes send them: listed, weighed, loaded as a job."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

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
)
from neuronscope.api.services import Services
from neuronscope.models.loading.choice import choose
from neuronscope.models.loading.devices import known_device
from neuronscope.runtime.estimate import needs
from neuronscope.runtime.jobs import JobHandle
from neuronscope.runtime.options import check_names

if TYPE_CHECKING:
    from neuronscope.models.loaded import LoadedModel
    from neuronscope.models.loading.sources import ModelSource


def list_models(services: Services) -> ModelList:
    """Every model known here, with whether it is loaded and what it would take."""
    loaded = services.engine.loaded()
    device = known_device()
    found = services.engine.sources.list()
    away = [] if services.elsewhere is None else services.elsewhere.model_ids()
    here = [_entry(source, loaded.get(source.model_id), device) for source in found if source.model_id not in away]
    return ModelList(models=[*here, *(_chat_entry(model_id) for model_id in away)])


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
            "needs": [] if choice is None else needs(choice),
            "loaded": loaded is not None,
            "loaded_as": None if loaded is None else _loaded_as(loaded),
            "loadable": source.loadable,
            "note": source.note,
        }
    )


def _chat_entry(model_id: str) -> ModelEntry:
    """A model of a chat server that answers: ready to be asked, and never to be loaded here."""
    return ModelEntry(
        model_id=model_id,
        family=model_id.partition("/")[0],
        parameters=None,
        category="chat-only",
        quantization="none",
        gated=False,
        recommended=False,
        source="chat",
        format=None,
        context_length=None,
        revision=None,
        stored_bytes=None,
        estimated_bytes=None,
        needs=[],
        loaded=True,
        loaded_as=None,
        loadable=False,
        note="It runs on a chat server, which gives tokens and no activations: chat with it in Live.",
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


def estimate(services: Services, query: EstimateQuery) -> Estimate:
    """What loading would take, without loading; answers in well under a second."""
    found = services.engine.estimate(
        query.model_id, revision=query.revision, dtype=query.dtype, quantization=query.quantization, device=query.device
    )
    return Estimate.model_validate(found.to_dict())


def start_load(services: Services, body: LoadRequest) -> JobOut:
    """A job that loads a model. What can be refused without loading it is refused here and now.

    While a load of the same model with the same options is under way, that one's job is given back.
    """
    engine = services.engine
    options = body.model_dump(exclude={"model_id"}, exclude_none=True)
    check_names(body.modules)
    engine.check(body.model_id, **options)

    def work(handle: JobHandle) -> dict[str, object]:
        def progress(done: int, total: int | None, phase: str) -> None:
            handle.progress(done, total, "bytes", phase)

        engine.load(body.model_id, progress=progress, check=handle.check, **options)
        return model_card(services, body.model_id).model_dump(mode="json")

    same = ("load", body.model_id, json.dumps(options, sort_keys=True))
    title = _load_title(services, body.model_id, options)
    return job_out(services.jobs.start("load", title, work, model_id=body.model_id, same=same))


def _load_title(services: Services, model_id: str, options: dict[str, Any]) -> str:
    """``Load X in nf4``; where nobody asked for 4 bits, with the reason."""
    if model_id in services.engine.loaded_ids() and not options:
        return f"Load {model_id}"
    sizes = {name: value for name, value in options.items() if name != "modules"}
    choice = services.engine.estimate(model_id, **sizes).choice
    if choice is None:
        return f"Load {model_id}"
    reason = ", which fits where more does not" if choice.by_itself else ""
    return f"Load {model_id} in {choice.precision}{reason}"
