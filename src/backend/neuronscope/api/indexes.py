"""Indexes and their answers as the routes send them."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from neuronscope.api import corpora
from neuronscope.api.reply import job_out
from neuronscope.api.schemas.common import Answer
from neuronscope.api.schemas.indexes import IndexEntry, IndexList, IndexRequest
from neuronscope.api.schemas.jobs import JobOut
from neuronscope.api.schemas.neurons import (
    Context,
    DrivenNeuron,
    NeuronQuery,
    NeuronTop,
    NgramStat,
    TokenQuery,
    TokenStat,
    TokenTop,
    UnitStats,
)
from neuronscope.api.services import Services
from neuronscope.api.units import named
from neuronscope.core.address import Unit
from neuronscope.core.errors import BadRequest
from neuronscope.runtime.jobs import JobHandle

if TYPE_CHECKING:
    from neuronscope.models.loaded import LoadedModel

SHOWN = 50
"""Tokens and n-grams that an answer lists."""
A = TypeVar("A", bound=Answer)
V = TypeVar("V", int, str, int | None)


def entries(services: Services) -> IndexList:
    """All indexes, newest first, with whether each fits its model."""
    from neuronscope.corpus.files import folder_bytes

    found = []
    for folder, manifest in services.shelf.manifests():
        usable, note = services.shelf.usable(manifest)
        found.append(
            IndexEntry(
                index_id=folder.name,
                model_id=manifest.model_id,
                model_key=manifest.model_key,
                corpus=manifest.corpus,
                k=manifest.k,
                points=list(manifest.points),
                layers=list(manifest.layers),
                units=max(manifest.units),
                documents=manifest.documents,
                tokens=manifest.tokens,
                created_at=manifest.created_at,
                bytes=folder_bytes(folder),
                usable=usable,
                note=note,
            )
        )
    return IndexList(indexes=found)


def neuron_top(services: Services, query: NeuronQuery) -> NeuronTop:
    """Contexts, tokens and n-grams of one unit, or of several together."""
    units = _units(query)
    index = services.shelf.choose(query.model_id, query.index_id, {unit.address for unit in units})
    manifest = index.manifest
    contexts = index.top(units, k=query.k, window=query.window, contains=query.contains)
    return NeuronTop(
        model_id=query.model_id or manifest.model_id,
        index_id=index.id,
        point=_common([unit.address.point for unit in units]),
        layer=_common([unit.address.layer for unit in units]),
        units=[unit.index for unit in units],
        names=[str(unit) for unit in units],
        corpus=manifest.corpus,
        corpus_tokens=manifest.tokens,
        stats=_sent(UnitStats, index.stats(units[0])) if query.unit is not None else None,
        contexts=[_sent(Context, context) for context in contexts],
        tokens=[_sent(TokenStat, stat) for stat in index.tokens(units, limit=SHOWN)],
        ngrams=[_sent(NgramStat, stat) for stat in index.ngrams(units, limit=SHOWN)],
    )


def _units(query: NeuronQuery) -> list[Unit]:
    """The units that a query names, each once, in order of point, layer and number."""
    if (query.unit is None) == (query.units is None):
        raise BadRequest("Say which: either 'unit' or 'units'.", "For example unit=42, or units=1,2,3.")
    asked = query.units if query.unit is None else [query.unit]
    found = {named(query.layer, unit) for unit in asked or ()}
    return sorted(found, key=lambda unit: (unit.address.point, unit.address.layer or 0, unit.index))


def _common(values: list[V]) -> V | None:
    return values[0] if len(set(values)) == 1 else None


def token_top(services: Services, query: TokenQuery) -> TokenTop:
    """The neurons that a token drives hardest."""
    index = services.shelf.choose(query.model_id, query.index_id, [query.point] if query.point else ())
    found = index.token_neurons(query.token, query.k, query.point)
    neurons = [_sent(DrivenNeuron, neuron) for neuron in found]
    return TokenTop(
        model_id=query.model_id or index.manifest.model_id, index_id=index.id, token=query.token, neurons=neurons
    )


def _sent(answer: type[A], found: object) -> A:
    """What the index found, as it is sent. Read off its attributes: copying a context's lists takes longer than finding it."""
    return answer.model_validate(found, from_attributes=True)


def start_index(services: Services, body: IndexRequest) -> JobOut:
    """A job that builds an index. Corpus and model, and the points of a loaded model, are checked here and now."""
    engine, workspace = services.engine, services.workspace
    model_id = services.present(body.model_id)
    engine.check(model_id)
    corpus = corpora.open_corpus(workspace, body.corpus, body.documents, body.field)
    if model_id in engine.loaded_ids():
        engine.run(model_id, lambda loaded: _check_addresses(loaded, body))

    def work(handle: JobHandle) -> dict[str, object]:
        loaded = engine.run(model_id, lambda loaded: loaded)
        from neuronscope.corpus.builder import build_index
        from neuronscope.corpus.plan import make_plan
        from neuronscope.runtime.indexing import place_for

        texts = corpora.watched(corpus, handle.check)
        plan = make_plan(loaded, texts, body.k, body.layers, points=body.points)
        place = place_for(workspace, plan)
        build_index(
            loaded,
            texts,
            place,
            plan=plan,
            run=lambda batch: engine.run(model_id, lambda _: batch()),
            progress=lambda done, total: handle.progress(done, total, "documents"),
            check=handle.check,
        )
        return {"index_id": place.name}

    return job_out(services.jobs.start("index", f"Index of {model_id} over {body.corpus}", work, model_id=model_id))


def _check_addresses(loaded: LoadedModel, body: IndexRequest) -> None:
    from neuronscope.corpus.builder import choose_addresses

    choose_addresses(loaded, body.points, body.layers)
