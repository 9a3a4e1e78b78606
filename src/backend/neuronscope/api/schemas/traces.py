"""Traces: listed, described, read, exported."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from neuronscope.api.schemas.captures import NextToken
from neuronscope.api.schemas.common import Answer, Request, TokenOut
from neuronscope.core.made_with import MadeWith


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
    """On the disk."""
    closed: bool
    """Whether its run has ended."""
    pinned: bool
    """Whether it stays whatever the limit."""
    made_with: MadeWith | None
    """Null for a prompt that was only read."""


class RemovedTrace(Answer):
    trace_id: str
    bytes: int
    removed_at: str


class TraceList(Answer):
    traces: list[TraceEntry]
    total_bytes: int
    """Of all traces, also those that can't be read and are not listed."""
    limit_bytes: int | None
    """What they may take together; null where nobody has set a limit."""
    removed: list[RemovedTrace]
    """What went to hold the limit, the latest first."""


class TracePin(Request):
    pinned: bool


class TraceLimit(Request):
    bytes: int | None = Field(ge=1, le=1 << 60)
    """What all traces together may take; null for no limit."""


class TraceLimitAnswer(Answer):
    limit_bytes: int | None
    total_bytes: int
    would_go: list[str]
    """Traces that go when the next run ends, oldest first, unless they are pinned before."""


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


class ReplayQuery(Request):
    from_step: int = Field(0, ge=0, le=10_000_000)
    """The first step to send; the start event always comes first."""
    speed: float | None = Field(None, ge=0.01, le=10_000, allow_inf_nan=False)
    """Steps a second; left out, as fast as they are read."""


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
