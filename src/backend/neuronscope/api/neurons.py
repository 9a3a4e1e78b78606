"""Single neurons out of an index as the routes send them: examples by band, whole windows, and the table of all."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from neuronscope.api.schemas.neuron_table import NeuronPage, NeuronRow, TableExport, TablePage, TableQuery
from neuronscope.api.schemas.neurons import Example, ExampleQuery, Examples, SpreadOut, WindowAnswer, WindowRequest
from neuronscope.api.services import Services
from neuronscope.api.units import place_of, unit_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from neuronscope.corpus.index import Index
    from neuronscope.models.loaded import LoadedModel


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
