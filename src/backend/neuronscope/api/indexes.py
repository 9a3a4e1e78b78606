"""Indexes as the routes send them, and jobs that build them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from neuronscope.api import corpora
from neuronscope.api.reply import job_out
from neuronscope.api.schemas.indexes import IndexEntry, IndexList, IndexRequest
from neuronscope.api.schemas.jobs import JobOut
from neuronscope.api.services import Services
from neuronscope.runtime.jobs import JobHandle

if TYPE_CHECKING:
    from neuronscope.models.loaded import LoadedModel


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
