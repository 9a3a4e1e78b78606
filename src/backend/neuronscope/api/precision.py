"""Comparisons of two precisions as the routes send them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from neuronscope.analysis.precision import FIELDS, scatter_choice
from neuronscope.api.reply import job_out
from neuronscope.api.schemas.jobs import JobOut
from neuronscope.api.schemas.precision import (
    PrecisionEntry,
    PrecisionList,
    PrecisionNeuron,
    PrecisionNeurons,
    PrecisionNeuronsQuery,
    PrecisionPoints,
    PrecisionRequest,
    PrecisionSummary,
)
from neuronscope.api.services import Services
from neuronscope.core.errors import BadRequest
from neuronscope.runtime.comparisons import Comparison, list_comparisons
from neuronscope.runtime.jobs import JobHandle
from neuronscope.runtime.precision import compare, options_of

if TYPE_CHECKING:
    from neuronscope.models.loaded import LoadedModel

T = TypeVar("T")
COLUMNS = [name for name in FIELDS.names or () if name != "finite"]
ROWS_AT_ONCE = 4096


def start_comparison(services: Services, body: PrecisionRequest) -> JobOut:
    """A job that compares two precisions. What can be refused without loading is refused here and now."""
    engine, model_id = services.engine, services.present(body.model_id)
    if body.a == body.b:
        raise BadRequest(f"Both precisions are {body.a}.", "Choose two that differ.")
    device = {} if body.device is None else {"device": body.device}
    for precision in (body.a, body.b):
        engine.check(model_id, **options_of(precision), **device)

    def work(handle: JobHandle) -> dict[str, object]:
        def borrow(options: dict[str, str], work: Callable[[LoadedModel], T]) -> T:
            return engine.borrow(model_id, {**options, **device}, work, check=handle.check)

        found = compare(
            services.workspace,
            borrow,
            body.prompts,
            body.a,
            body.b,
            progress=lambda done, total: handle.progress(done, total, "tokens"),
            check=handle.check,
        )
        return {"comparison_id": found.summary.comparison_id}

    title = f"{model_id} in {body.a} and {body.b}"
    return job_out(services.jobs.start("precision", title, work, model_id=model_id))


def entries(services: Services) -> PrecisionList:
    """All comparisons, newest first."""
    found = [PrecisionEntry.model_validate(_head(asdict(s))) for s in list_comparisons(services.workspace)]
    return PrecisionList(comparisons=found)


def summary(services: Services, comparison_id: str) -> PrecisionSummary:
    """One comparison: its figures, its layers, and neurons for a scatter."""
    found = Comparison.open(services.workspace.precision_path(comparison_id))
    chosen = found.neurons[scatter_choice(found.neurons["correlation"])]
    points = {name: _plain(chosen[name]) for name in PrecisionPoints.model_fields}
    return PrecisionSummary.model_validate({**asdict(found.summary), "points": points})


def neurons(services: Services, comparison_id: str, query: PrecisionNeuronsQuery) -> PrecisionNeurons:
    """Rows of the table of neurons, sorted here, since there may be hundreds of thousands."""
    found = Comparison.open(services.workspace.precision_path(comparison_id)).neurons
    if query.layer is not None:
        found = found[found["layer"] == query.layer]
    order = _order(np.asarray(found[query.sort]), query.descending)
    shown = found[order[query.offset : query.offset + query.limit]]
    columns = {name: _plain(shown[name]) for name in COLUMNS}
    rows = [
        PrecisionNeuron.model_validate(dict(zip(columns, row, strict=True)))
        for row in zip(*columns.values(), strict=True)
    ]
    return PrecisionNeurons(total=len(found), offset=query.offset, neurons=rows)


def as_csv(services: Services, comparison_id: str) -> Iterator[bytes]:
    """The whole table, a row per neuron; what can't be said is left empty. A missing one is raised before the first row."""
    found = Comparison.open(services.workspace.precision_path(comparison_id)).neurons
    return _csv(found)


def _csv(found: NDArray[np.void]) -> Iterator[bytes]:
    yield (",".join(COLUMNS) + "\n").encode()
    for start in range(0, len(found), ROWS_AT_ONCE):
        columns = [_plain(found[start : start + ROWS_AT_ONCE][name]) for name in COLUMNS]
        lines = (",".join("" if v is None else repr(v) for v in row) for row in zip(*columns, strict=True))
        yield ("\n".join(lines) + "\n").encode()


def _order(values: NDArray[Any], descending: bool) -> NDArray[np.int64]:
    """Places in order, earlier neurons first among equals; what can't be said comes last either way."""
    return np.argsort(-values if descending else values, kind="stable")


def _plain(values: NDArray[Any]) -> list[Any]:
    """A column as JSON has it: shortest digits of its own precision, NaN as None."""
    if values.dtype.kind != "f":
        return list(values.tolist())
    return [None if np.isnan(v) else float(str(v)) for v in values]


def _head(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: fields[name] for name in PrecisionEntry.model_fields}
