"""Corpora, indexes and what they answer about neurons and tokens."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from neuronscope.api.schemas.common import Answer, IntList, ModelId, Request


class CorpusEntry(Answer):
    corpus: str
    """Id: ``bundled`` or ``local/<name>``."""
    documents: int | None
    bytes: int | None


class CorpusList(Answer):
    corpora: list[CorpusEntry]


class CorpusUpload(Request):
    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,59}$")
    format: Literal["text", "jsonl"] = "text"
    """``text``: documents separated by blank lines; ``jsonl``: one object with a ``text`` field a line."""
    content: str = Field(min_length=1)


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


class NeuronQuery(Request):
    model_id: ModelId | None = None
    layer: int = Field(ge=0, le=100_000)
    unit: int | None = Field(None, ge=0, le=100_000_000)
    units: IntList | None = Field(None, min_length=1, max_length=1000)
    """Several units of the layer instead of one: their contexts together, strongest first."""
    k: int = Field(20, ge=1, le=1000)
    index_id: str | None = Field(None, max_length=40)
    """Default: the newest usable index of the model."""
    window: int = Field(16, ge=0, le=16)


class Context(Answer):
    unit: int
    activation: float
    doc: int
    """Ordinal of the document in the corpus."""
    position: int
    """Position of the peak token in its document, in tokens."""
    peak: int
    """Where the peak stands in ``tokens``."""
    tokens: list[str]
    activations: list[float]
    special: list[bool]
    """Tokens that colour scales leave out."""
    parts: list[str] | None
    """Part of each token, where the corpus labels them."""


class TokenStat(Answer):
    token: str
    max: float
    mean: float
    count: int


class NgramStat(Answer):
    tokens: list[str]
    n: int
    max: float
    mean: float
    count: int


class UnitStats(Answer):
    mean: float
    std: float
    max: float
    min: float
    firing_rate: float
    """Share of corpus tokens with a value above zero."""


class NeuronTop(Answer):
    model_id: str
    index_id: str
    layer: int
    units: list[int]
    corpus: str
    corpus_tokens: int
    stats: UnitStats | None
    """Over the whole corpus; null where several units are asked for."""
    contexts: list[Context]
    tokens: list[TokenStat]
    ngrams: list[NgramStat]


class TokenQuery(Request):
    model_id: ModelId | None = None
    token: str = Field(min_length=1, max_length=100)
    """The token's text as shown, leading space included."""
    k: int = Field(20, ge=1, le=1000)
    index_id: str | None = Field(None, max_length=40)


class DrivenNeuron(Answer):
    layer: int
    unit: int
    max: float
    mean: float
    count: int
    """How many of the unit's strongest contexts peak on the token."""


class TokenTop(Answer):
    model_id: str
    index_id: str
    token: str
    neurons: list[DrivenNeuron]


class ProbeRequest(Request):
    model_id: ModelId | None = None
    layer: int = Field(ge=0, le=100_000)
    unit: int = Field(ge=0, le=100_000_000)
    text: str = Field(min_length=1, max_length=20_000)


class ProbeAnswer(Answer):
    model_id: str
    layer: int
    unit: int
    tokens: list[str]
    special: list[bool]
    activations: list[float]
