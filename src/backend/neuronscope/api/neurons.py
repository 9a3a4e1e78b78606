"""Units out of an index as the routes send them: what drives them, examples by band, whole windows, the table of all."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, TypeVar

from neuronscope.api.schemas.common import Answer
from neuronscope.api.schemas.neuron_table import NeuronPage, NeuronRow, TableExport, TablePage, TableQuery
from neuronscope.api.schemas.neurons import (
    Context,
    DrivenNeuron,
    Example,
    ExampleQuery,
    Examples,
    NeuronQuery,
    NeuronTop,
    NgramStat,
    SpreadOut,
    TokenQuery,
    TokenStat,
    TokenTop,
    UnitStats,
    WindowAnswer,
    WindowRequest,
)
from neuronscope.api.services import Services
from neuronscope.api.units import asked_of, place_of, unit_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from neuronscope.corpus.index import Index
    from neuronscope.models.loaded import LoadedModel


SHOWN = 50
"""Tokens and n-grams that an answer lists."""
A = TypeVar("A", bound=Answer)
V = TypeVar("V", int, str, int | None)


def neuron_top(services: Services, query: NeuronQuery) -> NeuronTop:
    """Contexts, tokens and n-grams of one unit, or of several together."""
    index, units = asked_of(services, query, query.model_id, query.index_id)
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


def examples(services: Services, query: ExampleQuery) -> Examples:
    """Places of the corpus sample in a band of one unit's values, and its histogram."""
    unit = unit_of(query)
    index = services.shelf.choose(query.model_id, query.index_id, [unit.address])
    found = index.examples(unit, query.band, query.k, query.window, query.low, query.high)
    return Examples(
        model_id=query.model_id or index.manifest.model_id,
        index_id=index.id,
        **place_of(unit),
        band=query.band,
        examples=[Example.model_validate(example, from_attributes=True) for example in found],
        spread=SpreadOut.model_validate(index.spread(unit), from_attributes=True),
    )


def window(services: Services, body: WindowRequest) -> WindowAnswer:
    """Run one window of an index's corpus again, and read one unit on all its tokens."""
    unit = unit_of(body)
    index = services.shelf.choose(body.model_id, body.index_id, [unit.address])
    model_id = services.present(body.model_id or index.manifest.model_id)

    def work(loaded: LoadedModel) -> WindowAnswer:
        from neuronscope.corpus.recompute import recompute

        found = recompute(loaded, index, unit, body.doc, body.window)
        return WindowAnswer(
            model_id=model_id,
            index_id=index.id,
            **place_of(unit),
            doc=body.doc,
            window=body.window,
            tokens=found.tokens,
            special=found.special,
            activations=found.activations,
        )

    return services.engine.run(model_id, work)


def page(services: Services, query: TablePage) -> NeuronPage:
    """Some rows of the table of all neurons."""
    index, numbers = _chosen(services, query)
    rows = index.table.rows(numbers[query.offset : query.offset + query.limit])
    return NeuronPage(
        model_id=query.model_id or index.manifest.model_id,
        index_id=index.id,
        total=index.manifest.total_units,
        found=len(numbers),
        neurons=[NeuronRow.model_validate(row, from_attributes=True) for row in rows],
    )


def export(services: Services, query: TableExport) -> tuple[Iterable[bytes], str, str]:
    """All rows that fit, as a file: its bytes in pieces, its kind and its name."""
    index, numbers = _chosen(services, query)
    name = f"neurons-{index.id}.{query.format}"
    if query.format == "csv":
        return index.table.csv(numbers), "text/csv", name
    return [index.table.parquet(numbers)], "application/vnd.apache.parquet", name


def _chosen(services: Services, query: TableQuery) -> tuple[Index, NDArray[np.int64]]:
    index = services.shelf.choose(query.model_id, query.index_id, [query.point] if query.point else ())
    least = {"firing_rate": query.min_firing_rate, "max": query.min_max, "kurtosis": query.min_kurtosis}
    most = {"firing_rate": query.max_firing_rate}
    numbers = index.table.choose(
        sort=query.sort,
        descending=query.descending,
        point=index.default_point(query.point),
        layers=query.layers,
        search=query.search,
        least={name: value for name, value in least.items() if value is not None},
        most={name: value for name, value in most.items() if value is not None},
    )
    return index, numbers
