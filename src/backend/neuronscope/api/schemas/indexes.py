"""Indexes: what to build, and which there are."""

from __future__ import annotations

from pydantic import Field

from neuronscope.api.schemas.common import Answer, ModelId, Request


class IndexRequest(Request):
    model_id: ModelId | None = None
    corpus: str = Field(
        max_length=300,
        pattern=r"^(bundled|local/[a-z0-9][a-z0-9_.-]{0,79}|hf:[A-Za-z0-9][A-Za-z0-9_./:%\[\]-]{0,296})$",
    )
    """``bundled``, ``local/<name>``, or ``hf:NAME``, ``hf:NAME:CONFIGURATION:SPLIT`` for a data set of the hub."""
    field: str = Field("text", min_length=1, max_length=200)
    """What holds the text in JSON Lines, Parquet and data sets."""
    documents: int | None = Field(None, ge=1, le=10_000_000)
    """Take only the first so many documents; for the bundled corpus, how many to generate (default 2000)."""
    k: int = Field(32, ge=1, le=1000)
    layers: list[int] | None = Field(None, min_length=1, max_length=512)


class IndexPath(Request):
    index_id: str


class IndexEntry(Answer):
    index_id: str
    model_id: str
    model_key: str
    corpus: str
    k: int
    layers: list[int]
    units: int
    """Units per layer."""
    documents: int
    tokens: int
    created_at: str
    bytes: int
    usable: bool
    """Whether it fits the model as it is now."""
    note: str


class IndexList(Answer):
    indexes: list[IndexEntry]
