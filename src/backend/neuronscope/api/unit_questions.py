"""Questions about units that other units, another index, or the model in a job answers."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from neuronscope.api.reply import job_out
from neuronscope.api.schemas.jobs import JobOut
from neuronscope.api.schemas.unit_questions import (
    CompareAnswer,
    CompareQuery,
    NeighbourList,
    NeighbourOut,
    NeighbourQuery,
    ShortestRequest,
    TogetherRequest,
    WritesAnswer,
    WritesQuery,
)
from neuronscope.api.services import Services
from neuronscope.api.units import asked_of, unit_of
from neuronscope.runtime.jobs import JobHandle

if TYPE_CHECKING:
    from neuronscope.models.loaded import LoadedModel


def neighbours(services: Services, query: NeighbourQuery) -> NeighbourList:
    """The units that go with one, or with several together, over an index's sample."""
    index, units = asked_of(services, query, query.model_id, query.index_id)
    found = index.neighbours(units, query.k, query.point)
    return NeighbourList(
        model_id=query.model_id or index.manifest.model_id,
        index_id=index.id,
        names=[str(unit) for unit in units],
        sample=index.manifest.sample,
        neighbours=[NeighbourOut.model_validate(one, from_attributes=True) for one in found],
    )


def compare(services: Services, query: CompareQuery) -> CompareAnswer:
    """A unit in one index beside the same one, or another, in another index."""
    one = services.shelf.choose(None, query.index_id)
    other = services.shelf.choose(None, query.other_index_id)
    found = one.compare(other, unit_of(query), query.other_unit, query.k)
    return CompareAnswer.model_validate(found, from_attributes=True)


def writes(services: Services, query: WritesQuery) -> WritesAnswer:
    """The tokens that a unit directly raises and lowers, read off the model's weights."""
    unit = unit_of(query)

    def work(loaded: LoadedModel) -> WritesAnswer:
        from neuronscope.models.cards.writes import writes

        return WritesAnswer.model_validate({"model_id": loaded.model_id, **asdict(writes(loaded, unit, query.k))})

    return services.engine.run(services.present(query.model_id), work)


def start_together(services: Services, body: TogetherRequest) -> JobOut:
    """A job that finds the strongest contexts of several units together; its result is a ``GroupTop``, with the group's id.

    Index and units are checked here and now.
    """
    index, units = asked_of(services, body, body.model_id, body.index_id)
    index.rows(units)
    model_id = _ready(services, body.model_id or index.manifest.model_id)

    def work(handle: JobHandle) -> dict[str, object]:
        loaded = services.engine.run(model_id, _itself)
        from neuronscope.corpus.together import strongest_together

        found = strongest_together(
            loaded,
            index,
            units,
            body.k,
            window=body.window,
            windows=body.windows,
            run=lambda batch: services.engine.run(model_id, lambda _: batch()),
            progress=lambda done, total: handle.progress(done, total, "windows"),
            check=handle.check,
        )
        return {"model_id": model_id, "index_id": index.id, "group_id": body.group_id, **asdict(found)}

    title = f"{len(units)} units of {model_id} together"
    return job_out(services.jobs.start("together", title, work, model_id=model_id))


def start_shortest(services: Services, body: ShortestRequest) -> JobOut:
    """A job that shortens a context or a text as long as it drives a unit; its result is a ``Shortest``.

    A unit that the model lacks is refused at once where it is loaded, and is the job's error where it is not yet.
    """
    unit = unit_of(body)
    index = services.shelf.choose(body.model_id, body.index_id, [unit.address]) if body.text is None else None
    if index is not None:
        index.rows(unit)
    named = body.model_id or (index.manifest.model_id if index is not None else None)
    model_id = _ready(services, named)
    ready = services.engine.loaded().get(model_id)
    if ready is not None:
        ready.anatomy.check_unit(unit)

    def work(handle: JobHandle) -> dict[str, object]:
        loaded = services.engine.run(model_id, _itself)
        from neuronscope.corpus.shortest import shortest, start_of_context, start_of_text

        def start(loaded: LoadedModel) -> list[int]:
            if index is None:
                return start_of_text(loaded, unit, body.text or "")
            return start_of_context(loaded, index, unit, body.rank)

        found = shortest(
            loaded,
            unit,
            services.engine.run(model_id, start),
            share=body.share,
            budget=body.budget,
            run=lambda batch: services.engine.run(model_id, lambda _: batch()),
            progress=lambda done, total: handle.progress(done, total, "tokens"),
            check=handle.check,
        )
        return {"model_id": model_id, "index_id": None if index is None else index.id, **asdict(found)}

    title = f"Shortest text for {unit} of {model_id}"
    return job_out(services.jobs.start("shortest", title, work, model_id=model_id))


def _ready(services: Services, model_id: str | None) -> str:
    """The model's id, once nothing is known to keep it from loading."""
    present = services.present(model_id)
    services.engine.check(present)
    return present


def _itself(loaded: LoadedModel) -> LoadedModel:
    return loaded
