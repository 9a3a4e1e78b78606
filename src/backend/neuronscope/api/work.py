"""What the routes ask of a model: load it, describe it, run a prompt, build an index."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from neuronscope.api import corpora
from neuronscope.api.schemas.captures import CaptureAnswer, CaptureRequest
from neuronscope.api.schemas.indexes import IndexRequest, ProbeAnswer, ProbeRequest
from neuronscope.api.schemas.jobs import JobOut
from neuronscope.api.schemas.models import LoadRequest, ModelCard, ModelEntry, ModelList
from neuronscope.api.services import Services
from neuronscope.core.address import Address, Unit
from neuronscope.core.errors import Conflict
from neuronscope.core.ids import new_id
from neuronscope.core.spec import CaptureSpec
from neuronscope.models.memory import estimate_bytes
from neuronscope.models.sources import BUNDLED_ID
from neuronscope.runtime.jobs import Job, JobHandle

if TYPE_CHECKING:
    from neuronscope.models.loaded import LoadedModel
    from neuronscope.traces.store import Trace

# Norms of every weight of a 7 B model take seconds, and never change while it is loaded.
_cards: WeakKeyDictionary[LoadedModel, ModelCard] = WeakKeyDictionary()


def job_out(job: Job) -> JobOut:
    """A job as it is sent."""
    return JobOut.model_validate(job.to_dict())


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


def present(services: Services, model_id: str | None) -> str:
    """The id of a model that is on this machine; the bundled one's for None.

    Raises :class:`NotFound` for an unknown id and :class:`Conflict` for a model that is only on the hub: fetching
    gigabytes is a job of its own, never the side effect of a prompt.
    """
    wanted = model_id or BUNDLED_ID
    if wanted not in services.engine.loaded_ids() and services.engine.sources.find(wanted).folder is None:
        raise Conflict(f"{wanted} is not on this machine yet.", "Load it first: that fetches it from the hub.")
    return wanted


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


def model_card(services: Services, model_id: str | None) -> ModelCard:
    """The card of a model, loaded if need be."""
    return services.engine.run(present(services, model_id), _card)


def _card(loaded: LoadedModel) -> ModelCard:
    from neuronscope.models.card import describe

    card = _cards.get(loaded)
    if card is None:
        card = _cards[loaded] = ModelCard.model_validate(asdict(describe(loaded)))
    return card


def start_index(services: Services, body: IndexRequest) -> JobOut:
    """A job that builds an index. Corpus and model, and the layers of a loaded model, are checked here and now."""
    engine, workspace = services.engine, services.workspace
    model_id = present(services, body.model_id)
    engine.check(model_id)
    corpus = corpora.open_corpus(workspace, body.corpus, body.documents)
    if model_id in engine.loaded_ids():
        engine.run(model_id, lambda loaded: _choose_layers(loaded, body.layers))

    def work(handle: JobHandle) -> dict[str, object]:
        loaded = engine.run(model_id, lambda loaded: loaded)
        from neuronscope.corpus.builder import build_index

        index_id = new_id("x")
        build_index(
            loaded,
            corpora.watched(corpus, handle.check),
            workspace.index_path(index_id),
            k=body.k,
            layers=body.layers,
            run=lambda batch: engine.run(model_id, lambda _: batch()),
            progress=lambda done, total: handle.progress(done, total, "documents"),
            check=handle.check,
        )
        return {"index_id": index_id}

    return job_out(services.jobs.start("index", f"Index of {model_id} over {body.corpus}", work, model_id=model_id))


def _choose_layers(loaded: LoadedModel, layers: list[int] | None) -> None:
    from neuronscope.corpus.builder import choose_layers

    choose_layers(loaded, layers)


def capture(services: Services, body: CaptureRequest) -> CaptureAnswer:
    """Run a prompt on its model's thread and write the trace."""
    spec = CaptureSpec(
        None if body.points is None else tuple(body.points), None if body.layers is None else tuple(body.layers)
    )

    def work(loaded: LoadedModel) -> Trace:
        from neuronscope.capture.forward import capture_prompt

        return capture_prompt(loaded, body.prompt, spec, services.workspace.traces)

    with services.engine.run(present(services, body.model_id), work) as trace:
        return CaptureAnswer.model_validate(
            {
                "trace_id": trace.trace_id,
                "model_id": trace.model_id,
                "tokens": [{"id": t.id, "text": t.text, "special": t.special} for t in trace.tokens],
                "layers": trace.layers,
                "points": trace.points,
                "unavailable": trace.unavailable,
                "top": trace.step(0).top,
            }
        )


def probe(services: Services, body: ProbeRequest) -> ProbeAnswer:
    """One neuron's value on every token of a text; nothing is kept."""
    unit = Unit(Address("mlp_act", body.layer), body.unit)

    def work(loaded: LoadedModel) -> ProbeAnswer:
        from neuronscope.capture.forward import run_prompt

        loaded.anatomy.check_unit(unit)
        encoded = loaded.encode(body.text)
        tensors, _ = run_prompt(loaded, encoded, [unit.address])
        return ProbeAnswer(
            model_id=loaded.model_id,
            layer=body.layer,
            unit=body.unit,
            tokens=[token.text for token in encoded.tokens],
            special=[token.special for token in encoded.tokens],
            activations=tensors[unit.address][:, unit.index].tolist(),
        )

    return services.engine.run(present(services, body.model_id), work)
