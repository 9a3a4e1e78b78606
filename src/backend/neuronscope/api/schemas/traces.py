"""Traces: listed, described, read, exported."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from neuronscope.api.schemas.captures import NextToken
from neuronscope.api.schemas.common import Answer, Request, TokenOut


class TraceEntry(Answer):
    trace_id: str
    model_id: str
    created_at: str
    """ISO 8601, UTC."""
    text: str
    """The first 200 characters of the prompt."""
    token_count: int
    steps: int
    bytes: int
    closed: bool


class TraceList(Answer):
    traces: list[TraceEntry]


class TraceDetail(TraceEntry):
    model_key: str
    tokens: list[TokenOut]
    points: list[str]
    layers: list[int]
    unavailable: dict[str, str]
    top: list[NextToken]


class TracePath(Request):
    trace_id: str


class StepPath(TracePath):
    step: int = Field(ge=0, le=10_000_000)


class TensorQuery(Request):
    address: str = Field(max_length=40)


class TensorAnswer(Answer):
    address: str
    dtype: Literal["float32"]
    shape: list[int]
    data: str
    """Base64 of the little-endian values in C order."""


class HeatmapQuery(Request):
    address: str = Field(max_length=40)
    top: int = Field(50, ge=1, le=2000)
    by: Literal["max", "variance", "mean_abs"] = "max"


class Heatmap(Answer):
    address: str
    by: str
    units: list[int]
    """Unit indices, strongest first. Special tokens do not count towards the ranking."""
    tokens: list[TokenOut]
    values: list[list[float]]
    """``values[unit][token]``."""


class LayersQuery(Request):
    point: str = Field("mlp_act", max_length=40)
    by: Literal["max", "mean_abs", "l2"] = "mean_abs"


class Stats(Answer):
    mean: float
    std: float
    min: float
    max: float
    l2: float
    sparsity: float
    """Share of values with |x| < 1e-3 · max|x|."""
    p99: float


class LayerRow(Answer):
    layer: int
    stats: Stats
    """Over all positions but special tokens."""
    per_token: list[float]
    """One value per token: the chosen summary over the layer's units."""


class Layers(Answer):
    point: str
    by: str
    tokens: list[TokenOut]
    layers: list[LayerRow]


class ExportQuery(Request):
    format: Literal["trace", "npz", "json"] = "trace"


class Deleted(Answer):
    deleted: str
