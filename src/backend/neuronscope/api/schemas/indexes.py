"""Indexes: what to build, and which there are."""

from __future__ import annotations

from pydantic import Field

from neuronscope.api.schemas.common import Answer, CorpusId, ModelId, PointName, Request


class IndexRequest(Request):
    model_id: ModelId | None = None
    corpus: CorpusId
    field: str = Field("text", min_length=1, max_length=200)
    """What holds the text in JSON Lines, Parquet and data sets."""
    documents: int | None = Field(None, ge=1, le=10_000_000)
    """Take only the first so many documents; for the bundled corpus, how many to generate (default 2000)."""
    k: int = Field(32, ge=1, le=1000)
    points: list[PointName] | None = Field(None, min_length=1, max_length=64)
    """Points or addresses whose units are indexed, such as ``resid_post`` or ``head_norm.3`` (default: neurons)."""
    layers: list[int] | None = Field(None, min_length=1, max_length=512)
    """Layers of the points that name none (default: all)."""


class IndexPath(Request):
    index_id: str


class IndexEntry(Answer):
    index_id: str
    model_id: str
    model_key: str
    corpus: str
    k: int
    points: list[str]
    layers: list[int]
    units: int
    """Units of the widest point in a layer."""
    documents: int
    tokens: int
    created_at: str
    bytes: int
    usable: bool
    """Whether it fits the model as it is now."""
    note: str


class IndexList(Answer):
    indexes: list[IndexEntry]
