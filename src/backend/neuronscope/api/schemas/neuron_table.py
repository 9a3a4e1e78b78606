"""The table of all units of an index."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from neuronscope.api.schemas.common import Answer, IntList, ModelId, PointOnly, Request

Column = Literal["point", "layer", "unit", "firing_rate", "max", "mean", "std", "min", "kurtosis", "top_token"]


class TableQuery(Request):
    model_id: ModelId | None = None
    index_id: str | None = Field(None, max_length=40)
    sort: Column = "max"
    descending: bool = True
    point: PointOnly | None = None
    """Whose units are listed (default: neurons, or whatever an index without neurons holds)."""
    layers: IntList | None = Field(None, min_length=1, max_length=512)
    search: str = Field("", max_length=100)
    """Looked for in the top token, whatever its case."""
    min_firing_rate: float | None = Field(None, ge=0, le=1)
    max_firing_rate: float | None = Field(None, ge=0, le=1)
    min_max: float | None = None
    """Least value of the column ``max``."""
    min_kurtosis: float | None = None


class TablePage(TableQuery):
    offset: int = Field(0, ge=0, le=1_000_000_000)
    limit: int = Field(50, ge=1, le=1000)


class TableExport(TableQuery):
    format: Literal["csv", "parquet"] = "csv"


class NeuronRow(Answer):
    point: str
    layer: int
    unit: int
    firing_rate: float
    max: float
    mean: float
    std: float
    min: float
    kurtosis: float | None
    """Excess over a normal distribution's, over a sample of the corpus; null where that is too small."""
    top_token: str | None
    """What its strongest context peaks on."""


class NeuronPage(Answer):
    model_id: str
    index_id: str
    total: int
    """Neurons of the index."""
    found: int
    """Those that fit the filters."""
    neurons: list[NeuronRow]
